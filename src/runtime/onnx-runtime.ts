/**
 * @file ONNX Runtime, in whichever of its builds: sessions of graphs and of model files. `node.ts` and `web.ts` say how the
 * build is loaded.
 *
 * One thread per session: threads inside a session change the bits of MatMul, so parallelism is across workers.
 */

import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { fromHalf, toHalf } from "../formats/float16.ts";
import { exportOnnx } from "../formats/onnx/export.ts";
import { scoresForMaps } from "../formats/onnx/maps.ts";
import type { DType, Graph, Tensor } from "../graph/types.ts";
import { createCache, type Weighed } from "./cache.ts";
import { type Digest, hashGraph } from "./hash.ts";
import { peakBytes } from "./memory.ts";
import {
  type CompileOptions,
  checkFeeds,
  type Device,
  type Element,
  type Feeds,
  type OpenOptions,
  outputPorts,
  type Port,
  portsOf,
  RunError,
  type Runtime,
  type Session,
} from "./session.ts";

export interface RuntimeOptions {
  /** "webgpu" falls back to "cpu", with one line to `warn`, where it cannot start; float64 always runs on the CPU. */
  readonly device?: Device;
  /** Bound on the memory of cached sessions, estimated from their models' sizes and largest runs. */
  readonly cacheBytes?: number;
  readonly warn?: (line: string) => void;
}

/** A build of ONNX Runtime. */
export interface Build {
  /** Loaded once, when a first session is made. */
  load(): Promise<Ort>;
  /** What it calls the processor. */
  readonly cpu: "cpu" | "wasm";
  readonly digest: Digest;
  /** Runs what calls the engine. */
  call<T>(action: () => Promise<T>): Promise<T>;
}

export type Ort = Pick<typeof import("onnxruntime-node"), "InferenceSession" | "Tensor">;
type OrtTensors = Record<string, OrtTensor>;

const elementTypes: Record<Element, DType> = {
  float32: "float",
  float64: "float",
  float16: "float",
  int64: "int",
  int32: "int",
  int16: "int",
  int8: "int",
  uint8: "int",
  uint16: "int",
  bool: "bool",
};

interface TypedPort extends Port {
  readonly element: Element;
}

/** No option may be present and undefined: ONNX Runtime throws on that. */
const sessionOptions = ({ cpu }: Build, device: Device): InferenceSession.SessionOptions => ({
  executionProviders: [device === "cpu" ? cpu : device],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: "sequential",
  graphOptimizationLevel: "all",
  logSeverityLevel: 4,
});

/** ONNX Runtime keeps the weights, often a second time in packed form, and some memory per session. */
const heldBytes = (modelBytes: number): number => 2 * modelBytes + (1 << 17);

/** A gigabyte: several large bounding graphs, each of which keeps the memory of its largest run. */
const DEFAULT_CACHE_BYTES = 1 << 30;

interface Cached {
  readonly session: InferenceSession;
  readonly modelBytes: number;
  /** A session keeps the memory of its largest run, for the next: giving it back costs up to a third of the time. */
  largestBatch: number;
}

export function runtimeOf(
  build: Build,
  { device = "cpu", cacheBytes = DEFAULT_CACHE_BYTES, warn = () => {} }: RuntimeOptions = {},
): Runtime {
  const cache = createCache<Cached>(cacheBytes, ({ session }) => build.call(() => session.release()));
  let usable: Promise<Device> | undefined;

  const deviceFor = (float: CompileOptions["float"]): Promise<Device> | Device => {
    if (device === "cpu" || float === "float64") return "cpu";
    usable ??= probe(build, device).then((problem) => {
      if (problem === undefined) return device;
      warn(`device ${device} cannot start (${problem}); running on the CPU instead`);
      return "cpu";
    });
    return usable;
  };

  async function compile(graph: Graph, { float, name = "graph", memory = "keep" }: CompileOptions): Promise<Session> {
    const target = await deviceFor(float);
    const key = `${target} ${float} ${memory} ${hashGraph(graph, build.digest)}`;
    const typed = (port: Port): TypedPort => ({ ...port, element: graphElement(port.dtype, float) });
    const make = async (): Promise<Weighed<Cached>> => {
      const model = exportOnnx(graph, { float });
      const options = { ...sessionOptions(build, target), enableCpuMemArena: memory === "keep" };
      const session = await makeSession(build, model, options, name);
      const bytes = heldBytes(model.length);
      return { value: { session, modelBytes: bytes, largestBatch: 0 }, bytes };
    };
    await cache.use(key, make, () => undefined);
    return wrap(build, {
      name,
      device: target,
      inputs: portsOf(graph.inputs).map(typed),
      outputs: outputPorts(graph).map(typed),
      run: (feeds, batch) =>
        cache.use(key, make, (kept) => {
          if (memory === "keep" && batch > kept.value.largestBatch) {
            kept.value.largestBatch = batch;
            kept.bytes = kept.value.modelBytes + peakBytes(graph, batch, float);
          }
          return build.call(() => kept.value.session.run(feeds));
        }),
      dispose: async () => {},
    });
  }

  return {
    compile,
    openModel: (bytes, options) => openModel(build, bytes, options),
    [Symbol.asyncDispose]: () => cache.clear(),
  };
}

/** Why a device cannot be used, or undefined when it can. */
async function probe(build: Build, device: Device): Promise<string | undefined> {
  const x = { kind: "input", name: "x", shape: ["N"], dtype: "float" } as const;
  const graph: Graph = { inputs: [x], outputs: [{ name: "y", value: x }] };
  try {
    const session = await makeSession(
      build,
      exportOnnx(graph, { float: "float32" }),
      sessionOptions(build, device),
      device,
    );
    await build.call(() => session.release());
    return undefined;
  } catch (error) {
    return briefly((error as Error).cause ?? error);
  }
}

/**
 * Quantised operators run one by one, as the file has them: the runtime would else put integer kernels in their place that
 * quantise activations once more, and compute something else than the file says.
 */
const AS_WRITTEN = { session: { disable_quant_qdq: "1" } } as const;

/** `Runtime.openModel`; needs no runtime, since a model file is opened once and not cached. */
export async function openModel(
  build: Build,
  bytes: Uint8Array,
  { name = "model", externalData = [] }: OpenOptions = {},
): Promise<Session> {
  const external = externalData.map((file) => ({ path: file.path, data: file.bytes }));
  const options = {
    ...sessionOptions(build, "cpu"),
    extra: AS_WRITTEN,
    ...(external.length > 0 ? { externalData: external } : {}),
  };
  const session = await tensorSession(build, bytes, options, name);
  // sequences, maps and labels that are words are left alone beside the scores
  const tensors = session.outputMetadata.filter((meta) => meta.isTensor && meta.type !== "string");
  const outputs = (tensors.length > 0 ? tensors : session.outputMetadata).map((meta) =>
    fileport(meta, `${name}: output`),
  );
  return wrap(build, {
    name,
    device: "cpu",
    inputs: session.inputMetadata.map((meta) => fileport(meta, `${name}: input`)),
    outputs,
    run: (feeds) =>
      build.call(() =>
        session.run(
          feeds,
          outputs.map((port) => port.name),
        ),
      ),
    dispose: () => build.call(() => session.release()),
  });
}

/** The runtime hands out tensors alone: where the file makes maps of its scores, the scores. */
async function tensorSession(
  build: Build,
  bytes: Uint8Array,
  options: InferenceSession.SessionOptions,
  name: string,
): Promise<InferenceSession> {
  const session = await makeSession(build, bytes, options, name);
  const scores = session.outputMetadata.every(({ isTensor }) => isTensor) ? undefined : scoresForMaps(bytes);
  if (!scores) return session;
  await build.call(() => session.release());
  return makeSession(build, scores, options, name);
}

async function makeSession(
  build: Build,
  bytes: Uint8Array,
  options: InferenceSession.SessionOptions,
  name: string,
): Promise<InferenceSession> {
  const ort = await build.load();
  try {
    return await build.call(() => ort.InferenceSession.create(bytes, options));
  } catch (error) {
    const fact = briefly(error);
    const wayOut = /Could not find an implementation|opset/i.test(fact)
      ? "; export it again for an opset of 9 to 23"
      : "; the file is damaged, or made for another runtime: export it again";
    throw new RunError(`${name}: ONNX Runtime refuses the model: ${fact}${wayOut}`, { cause: error });
  }
}

/** ONNX Runtime's messages without the paths and signatures of its sources, on one line of bearable length. */
function briefly(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = text
    .replaceAll(/\/\S*onnxruntime\S*:\d+ .*?(?:was false\.|\) )/g, "")
    .replaceAll(/\s+/g, " ")
    .trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}

const graphElement = (dtype: DType, float: CompileOptions["float"]): Element =>
  dtype === "float" ? float : dtype === "int" ? "int64" : "bool";

function fileport(meta: InferenceSession.ValueMetadata, place: string): TypedPort {
  const dtype = meta.isTensor ? elementTypes[meta.type as Element] : undefined;
  if (!meta.isTensor || !dtype) {
    const fact = meta.isTensor ? `holds ${meta.type}` : "is a sequence, a map or optional";
    throw new RunError(`${place} "${meta.name}" ${fact}; export the model with tensors of float32 alone`);
  }
  return { name: meta.name, dtype, shape: meta.shape, element: meta.type as Element };
}

interface Native {
  readonly name: string;
  readonly device: Device;
  readonly inputs: readonly TypedPort[];
  readonly outputs: readonly TypedPort[];
  readonly run: (feeds: OrtTensors, batch: number) => Promise<InferenceSession.ReturnType>;
  readonly dispose: () => Promise<void>;
}

async function wrap(build: Build, { name, device, inputs, outputs, run, dispose }: Native): Promise<Session> {
  const ort = await build.load();
  let disposed = false;
  return {
    inputs,
    outputs,
    device,
    async run(feeds) {
      if (disposed) throw new RunError(`${name}: the session is closed`);
      const batch = checkFeeds(inputs, feeds, name);
      const results = await run(toOrt(ort, inputs, feeds), batch).catch((error: unknown) => {
        if (error instanceof RunError) throw error;
        throw new RunError(`${name}: ONNX Runtime failed: ${briefly(error)}`, { cause: error });
      });
      return Object.fromEntries(outputs.map((port) => [port.name, fromOrt(results[port.name]!, port, name)]));
    },
    async [Symbol.asyncDispose]() {
      if (disposed) return;
      disposed = true;
      await dispose();
    },
  };
}

function toOrt(ort: Ort, inputs: readonly TypedPort[], feeds: Feeds): OrtTensors {
  const tensors = inputs.map((port) => {
    const { data, shape } = feeds[port.name]!;
    return [port.name, new ort.Tensor(port.element as "float32", store(data, port.element) as Float32Array, shape)];
  });
  return Object.fromEntries(tensors) as OrtTensors;
}

/** The element type's own array; no copy where it already is one. */
function store(data: Tensor["data"], element: Element): OrtTensor["data"] {
  const own = data.buffer instanceof ArrayBuffer ? data : data.slice(); // ONNX Runtime refuses shared memory
  switch (element) {
    case "float32":
      return own instanceof Float32Array ? own : Float32Array.from(own);
    case "float64":
      return own instanceof Float64Array ? own : Float64Array.from(own);
    case "float16":
      return Uint16Array.from(own, toHalf);
    case "int64":
      return BigInt64Array.from(own as Int32Array, BigInt);
    case "int32":
      return own as Int32Array;
    case "int16":
      return Int16Array.from(own);
    case "int8":
      return Int8Array.from(own);
    case "uint16":
      return Uint16Array.from(own);
    default:
      return own instanceof Uint8Array ? own : Uint8Array.from(own);
  }
}

const INT32_LIMIT = 2n ** 31n;

function fromOrt({ data, dims }: OrtTensor, port: TypedPort, name: string): Tensor {
  const shape = [...dims];
  if (data instanceof Float32Array || data instanceof Float64Array) return { dtype: "float", shape, data };
  // arrays of half precision exist in newer versions of the language only; before, their bits come
  if (port.element === "float16" && data instanceof Uint16Array)
    return { dtype: "float", shape, data: Float32Array.from(data, fromHalf) };
  if (port.dtype === "float") return { dtype: "float", shape, data: Float32Array.from(data as unknown as number[]) };
  if (port.dtype === "bool") return { dtype: "bool", shape, data: data as Uint8Array };
  if (!(data instanceof BigInt64Array)) return { dtype: "int", shape, data: Int32Array.from(data as Int32Array) };
  const wide = data.find((value) => value >= INT32_LIMIT || value < -INT32_LIMIT);
  if (wide !== undefined) throw new RunError(`${name}: output "${port.name}" holds ${wide}, beyond 32 bits`);
  return { dtype: "int", shape, data: Int32Array.from(data, Number) };
}
