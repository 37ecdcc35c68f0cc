/**
 * @file How graphs are executed, whatever executes them. `node.ts` and the browser's runtime implement this.
 */

import { batchFactor, type Dim, sizeOf } from "../graph/dims.ts";
import type { DType, Graph, Tensor } from "../graph/types.ts";

/** What `float` means on the target. */
export type Float = "float32" | "float64";

export type Device = "cpu" | "webgpu";

export interface CompileOptions {
  readonly float: Float;
  /** Names the graph in errors. */
  readonly name?: string;
  /**
   * What becomes of a run's memory: kept for the next run (faster for small graphs), or returned to the system (for graphs
   * whose runs take much). Default: keep.
   */
  readonly memory?: "keep" | "return";
}

/** What a model file's tensors are made of. Half precision is given and comes back as float. */
export type Element =
  | "float32"
  | "float64"
  | "float16"
  | "int64"
  | "int32"
  | "int16"
  | "int8"
  | "uint8"
  | "uint16"
  | "bool";

/** An input or output. A size that is a string is symbolic: "N" and "9N" are batch sizes, other names bind to any size. */
export interface Port {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly (number | string)[];
  /** Of a model file's own; what graphs are compiled for says theirs. */
  readonly element?: Element;
}

export type Feeds = Readonly<Record<string, Tensor>>;

export interface Session extends AsyncDisposable {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Where it really runs. */
  readonly device: Device;
  /**
   * Floats come back in the session's precision. Feeds are checked first.
   * @throws RunError on missing or unknown names, shapes that do not fit or disagree on N, NaN, or a failing node
   */
  run(feeds: Feeds): Promise<Record<string, Tensor>>;
}

export interface OpenOptions {
  /** Names the model in errors. */
  readonly name?: string;
  /** Contents of the files that the model refers to, by the path written in it. */
  readonly externalData?: readonly { readonly path: string; readonly bytes: Uint8Array }[];
}

export interface Runtime extends AsyncDisposable {
  /** A session for the graph; equal graphs share one. Disposing it does not end other holders' sessions. */
  compile(graph: Graph, options: CompileOptions): Promise<Session>;
  /** The model file itself, as it is, not our reading of it: for re-checking witnesses. Always on the CPU. */
  openModel(bytes: Uint8Array, options?: OpenOptions): Promise<Session>;
}

/** What a method takes when it only compiles graphs. */
export type Compile = Runtime["compile"];

/** A graph or model could not be run as asked; the message names it and the input. */
export class RunError extends Error {
  override readonly name = "RunError";
  readonly fault = "unsupported";
}

export const portsOf = (values: Graph["inputs"]): Port[] =>
  values.map(({ name, dtype, shape }) => ({ name, dtype, shape }));

export const outputPorts = (graph: Graph): Port[] =>
  graph.outputs.map(({ name, value: { dtype, shape } }) => ({ name, dtype, shape }));

/**
 * Does every input have exactly one tensor of its type and shape, free of NaN, all of one batch size?
 * Infinities pass: bounds use them.
 *
 * @returns the batch size, 1 where no input has one
 * @throws RunError naming `what`, the input and the fact
 */
export function checkFeeds(ports: readonly Port[], feeds: Feeds, what: string): number {
  for (const name of Object.keys(feeds)) {
    if (ports.some((port) => port.name === name)) continue;
    const names = ports.map((port) => `"${port.name}"`).join(", ");
    throw new RunError(`${what}: there is no input "${name}"; the inputs are ${names || "none"}`);
  }
  let batch: { readonly size: number; readonly name: string } | undefined;
  for (const port of ports) {
    const tensor = Object.hasOwn(feeds, port.name) ? feeds[port.name] : undefined;
    if (!tensor) throw new RunError(`${what}: input "${port.name}" [${port.shape}] is missing`);
    const place = `${what}: input "${port.name}"`;
    checkStorage(tensor, port, place);
    const size = batchSize(tensor, port, place);
    if (size !== undefined && batch !== undefined && size !== batch.size) {
      const other = `"${batch.name}" has ${batch.size}`;
      throw new RunError(`${place} [${tensor.shape}] has batch size ${size}, but ${other}: all inputs share one batch`);
    }
    if (size !== undefined) batch ??= { size, name: port.name };
    checkNumbers(tensor, place);
  }
  return batch?.size ?? 1;
}

const storage = {
  float: [Float32Array, Float64Array],
  int: [Int32Array],
  bool: [Uint8Array],
} satisfies Record<DType, readonly unknown[]>;

function checkStorage({ dtype, shape, data }: Tensor, port: Port, place: string): void {
  if (dtype !== port.dtype) throw new RunError(`${place} takes ${port.dtype} values, got ${dtype}`);
  if (!storage[dtype].some((kind) => data instanceof kind)) {
    const wanted = storage[dtype].map((kind) => kind.name).join(" or ");
    throw new RunError(`${place}: ${dtype} values are kept in ${wanted}, got ${data.constructor.name}`);
  }
  if (data.length === sizeOf(shape)) return;
  throw new RunError(`${place}: shape [${shape}] needs ${sizeOf(shape)} values, the tensor holds ${data.length}`);
}

const symbolicFactor = (dim: string): number | undefined => (/^\d*N$/.test(dim) ? batchFactor(dim as Dim) : undefined);

/** The batch size that this input states, if it has a batch axis. */
function batchSize({ shape }: Tensor, port: Port, place: string): number | undefined {
  const misfit = () => new RunError(`${place} takes shape [${port.shape}], got [${shape}]`);
  if (shape.length !== port.shape.length) throw misfit();
  let batch: number | undefined;
  port.shape.forEach((dim, axis) => {
    const size = shape[axis]!;
    if (typeof dim === "number") {
      if (size !== dim) throw misfit();
      return;
    }
    const factor = symbolicFactor(dim);
    if (factor === undefined) return;
    const own = size / factor;
    if (!Number.isInteger(own) || own < 1 || (batch !== undefined && own !== batch)) throw misfit();
    batch = own;
  });
  return batch;
}

/** Tensors do not change, so each is looked through once. */
const withoutNaN = new WeakSet<Tensor>();

function checkNumbers(tensor: Tensor, place: string): void {
  const { dtype, shape, data } = tensor;
  if (dtype !== "float" || withoutNaN.has(tensor)) return;
  const offset = hasFiniteSum(data) ? -1 : data.findIndex(Number.isNaN);
  if (offset >= 0) throw new RunError(`${place} holds NaN at [${indexOf(offset, shape)}]`);
  withoutNaN.add(tensor);
}

/** A finite sum has no NaN in it; added this way it is three times as fast as looking at each number. */
function hasFiniteSum(data: Tensor["data"]): boolean {
  let [a, b] = [0, 0];
  const whole = data.length & ~7;
  for (let i = 0; i < whole; i += 8) {
    a += data[i]! + data[i + 1]! + data[i + 2]! + data[i + 3]!;
    b += data[i + 4]! + data[i + 5]! + data[i + 6]! + data[i + 7]!;
  }
  for (let i = whole; i < data.length; i++) a += data[i]!;
  return Number.isFinite(a + b);
}

function indexOf(offset: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  let rest = offset;
  for (const size of shape.toReversed()) {
    index.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return index;
}
