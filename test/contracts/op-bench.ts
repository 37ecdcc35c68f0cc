/** @file One op on one case: its operands as graph inputs and constants, boxes and points as feeds. */

import { exportOnnx } from "../../src/formats/onnx/export.ts";
import type { OpName } from "../../src/graph/signatures.ts";
import { makeGraph } from "../../src/graph/traverse.ts";
import type { Builder, InputValue, NodeValue, Tensor, Value } from "../../src/graph/types.ts";
import { evaluateGraph } from "../../src/ops/evaluate.ts";
import { builder } from "../../src/ops/index.ts";
import type { Interval } from "../../src/ops/op.ts";
import { type Rng, rng } from "../../src/random/rng.ts";
import { runOnnx } from "../helpers/ort.ts";
import { drawBoxes, drawPoints } from "./boxes.ts";
import { BATCH, type OpCase, type Operand } from "./op-cases.ts";

export interface Bench {
  readonly b: Builder;
  readonly node: NodeValue;
  /** The op's operands; those that vary are graph inputs. */
  readonly operands: readonly Value[];
  readonly boxes: readonly Interval[];
  readonly varies: readonly boolean[];
}

export type Feeds = ReadonlyMap<string, Tensor>;

/** The op on fresh inputs, and a box for each. */
export function benchOf<K extends OpName>(op: K, { attrs, operands, squared, label }: OpCase<K>): Bench {
  const b = builder();
  const r = rng(11).split(`${op}/${label}`);
  const values = operands.map((operand, i): Value => {
    if (operand.constant) return b.constant(constantOf(operand, r.split(`constant/${i}`)));
    return b.input(`x${i}`, symbolic(operand), operand.dtype);
  });
  const boxes = operands.map((operand, i): Interval => {
    if (operand.constant) return { lower: values[i]!, upper: values[i]! };
    const end = (side: string) => b.input(`${side}${i}`, symbolic(operand), operand.dtype);
    return { lower: end("lower"), upper: end("upper") };
  });
  const twice = <T>(list: readonly T[]): readonly T[] => (squared ? [list[0]!, list[0]!] : list);
  // attributes and op agree by the type of the case
  const node = b.emit(op as OpName, twice(values), ...([attrs] as unknown as []));
  return {
    b,
    node,
    operands: twice(values),
    boxes: twice(boxes),
    varies: twice(operands).map((operand) => operand.constant === undefined),
  };
}

const symbolic = ({ shape }: Operand) => shape.map((dim) => (dim === BATCH ? "N" : dim));

const concrete = ({ shape }: Operand, batch: number): number[] => shape.map((dim) => (dim === BATCH ? batch : dim));

function constantOf({ shape, dtype, constant }: Operand, r: Rng): Tensor {
  const size = shape.reduce((p, q) => p * q, 1);
  const values = constant === "drawn" ? Array.from({ length: size }, () => r.normal()) : constant!;
  return tensorOf(dtype, shape, values);
}

export const tensorOf = (dtype: Tensor["dtype"], shape: readonly number[], values: ArrayLike<number>): Tensor => ({
  dtype,
  shape,
  data:
    dtype === "float"
      ? Float64Array.from(values, Math.fround)
      : dtype === "int"
        ? Int32Array.from(values)
        : Uint8Array.from(values),
});

export interface Trial {
  readonly boxes: Feeds;
  /** The feeds of round `k`: points in the boxes. */
  readonly points: (round: number) => Feeds;
}

/** Boxes for a batch, and points in them. */
export function trialOf(op: string, { label, operands }: OpCase<OpName>, batch: number): Trial {
  const root = rng(12).split(`${op}/${label}`);
  const boxes = new Map<string, Tensor>();
  operands.forEach((operand, i) => {
    if (operand.constant) return;
    const shape = concrete(operand, batch);
    const { lower, upper } = drawBoxes(
      root.split(`boxes/${i}`),
      shape.reduce((p, q) => p * q, 1),
      operand,
    );
    const ends = endsFor(operand, lower, upper, root.split(`ends/${i}`));
    boxes.set(`lower${i}`, tensorOf(operand.dtype, shape, ends.lower));
    boxes.set(`upper${i}`, tensorOf(operand.dtype, shape, ends.upper));
  });
  const points = (round: number): Feeds => {
    const feeds = new Map<string, Tensor>();
    operands.forEach((operand, i) => {
      const [lower, upper] = [boxes.get(`lower${i}`), boxes.get(`upper${i}`)];
      if (!lower || !upper) return;
      const drawn = drawPoints(root.split(`points/${i}/${round}`), lower.data, upper.data, round);
      const values =
        operand.dtype === "float" ? drawn : drawn.map((value, k) => Math.max(Math.floor(value), lower.data[k]!));
      feeds.set(`x${i}`, tensorOf(operand.dtype, lower.shape, values));
    });
    return feeds;
  };
  return { boxes, points };
}

/** Bools and ints have boxes of their own kind. */
function endsFor({ dtype }: Operand, lower: Float64Array, upper: Float64Array, r: Rng) {
  if (dtype === "float") return { lower, upper };
  if (dtype === "int") return { lower: lower.map(Math.floor), upper: upper.map(Math.ceil) };
  const first = lower.map(() => r.int(2));
  return { lower: first, upper: first.map((value) => Math.max(value, r.int(2))) };
}

const graphOf = (outputs: Readonly<Record<string, Value>>) => {
  const inputs = new Set<InputValue>();
  const visit = (value: Value): void => {
    if (value.kind === "input") inputs.add(value);
    if (value.kind === "node" && !seen.has(value)) {
      seen.add(value);
      value.inputs.forEach(visit);
    }
  };
  const seen = new Set<Value>();
  Object.values(outputs).forEach(visit);
  return makeGraph(
    [...inputs],
    Object.entries(outputs).map(([name, value]) => ({ name, value })),
  );
};

/** Outputs by the float64 references. Constants of the outputs' graph stay as they are. */
export const inFloat64 = (outputs: Readonly<Record<string, Value>>, feeds: Feeds): Map<string, Tensor> =>
  evaluateGraph(graphOf(outputs), feeds);

/** Outputs by ONNX Runtime. */
export const inRuntime = (
  outputs: Readonly<Record<string, Value>>,
  feeds: Feeds,
  float: "float32" | "float64" = "float32",
): Promise<Map<string, Tensor>> => runOnnx(exportOnnx(graphOf(outputs), { float }), feeds, float);
