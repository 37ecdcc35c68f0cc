/**
 * @file Random networks that move, merge, repeat and reduce axes: shapes as exporters leave them, the batch anywhere.
 * Small, of fixed seeds; no op mixes samples.
 */

import { batchFactor, bindShape, type Dim, type Shape, sameShape } from "../../src/graph/dims.ts";
import { floatTensor } from "../../src/graph/tensor.ts";
import { makeGraph } from "../../src/graph/traverse.ts";
import type { Builder, Graph, Value } from "../../src/graph/types.ts";
import { builder } from "../../src/ops/index.ts";
import { type Rng, rng } from "../../src/random/rng.ts";

export const CLASSES = 3;
/** Elements of one sample of any value. */
const LARGEST = 40;
const MAX_RANK = 5;

const count = (shape: Shape): number => bindShape(shape, 1).reduce((p, q) => p * q, 1);
const pick = <T>(random: Rng, list: readonly T[]): T => list[random.int(list.length)]!;

interface Chain {
  readonly b: Builder;
  readonly random: Rng;
  /** Values so far, any of which may be used again. */
  readonly values: Value[];
}

/** One more op on `x`, or undefined where it does not fit. */
type Step = (chain: Chain, x: Value) => Value | undefined;

/** Axes that the op may go over: all but an open batch, or a multiple of it. */
const free = ({ shape }: Value): number[] => shape.flatMap((dim, axis) => (typeof dim === "number" ? [axis] : []));
const wide = (x: Value): number[] => free(x).filter((axis) => (x.shape[axis] as number) > 1);

const normals = ({ b, random }: Chain, shape: readonly number[], size = 1): Value =>
  b.constant(
    floatTensor(
      shape,
      Array.from({ length: shape.reduce((p, q) => p * q, 1) }, () => Math.fround(size * random.normal())),
    ),
  );

const swapLast = ({ b }: Chain, x: Value): Value => {
  const perm = x.shape.map((_, axis) => axis);
  perm.push(...perm.splice(-2).reverse());
  return b.emit("Transpose", [x], { perm });
};

const unsqueeze: Step = ({ b, random }, x) => {
  if (x.shape.length >= MAX_RANK) return undefined;
  const at = random.int(x.shape.length + 1);
  return b.emit("Reshape", [x], { shape: [...x.shape.slice(0, at), 1, ...x.shape.slice(at)] });
};

const squeeze: Step = ({ b, random }, x) => {
  const ones = x.shape.flatMap((dim, axis) => (dim === 1 ? [axis] : []));
  if (ones.length === 0) return undefined;
  const at = pick(random, ones);
  return b.emit("Reshape", [x], { shape: x.shape.filter((_, axis) => axis !== at) });
};

/** An axis with the next: also the batch with what follows it, [N, 3] → [3N]. */
const merge: Step = ({ b, random }, x) => {
  const places = x.shape.flatMap((_, axis) =>
    axis + 1 < x.shape.length && typeof x.shape[axis + 1] === "number" ? [axis] : [],
  );
  if (places.length === 0) return undefined;
  const at = pick(random, places);
  const [p, q] = [x.shape[at]!, x.shape[at + 1] as number];
  const product: Dim = typeof p === "number" ? p * q : batchFactor(p)! * q === 1 ? "N" : `${batchFactor(p)! * q}N`;
  return b.emit("Reshape", [x], { shape: [...x.shape.slice(0, at), product, ...x.shape.slice(at + 2)] });
};

const split: Step = ({ b, random }, x) => {
  const at = random.int(Math.max(1, x.shape.length));
  const dim = x.shape[at];
  if (dim === undefined || x.shape.length >= MAX_RANK) return undefined;
  const size = typeof dim === "number" ? dim : batchFactor(dim)!;
  const factor = [2, 3].find((d) => size % d === 0 && size > 1);
  if (!factor) return undefined;
  const rest = size / factor;
  const parts: Dim[] = typeof dim === "number" ? [rest, factor] : [rest === 1 ? "N" : `${rest}N`, factor];
  return b.emit("Reshape", [x], { shape: [...x.shape.slice(0, at), ...parts, ...x.shape.slice(at + 1)] });
};

const transpose: Step = ({ b, random }, x) =>
  x.shape.length < 2 ? undefined : b.emit("Transpose", [x], { perm: [...random.permutation(x.shape.length)] });

const expand: Step = ({ b, random }, x) => {
  const ones = x.shape.flatMap((dim, axis) => (dim === 1 ? [axis] : []));
  if (ones.length === 0 || 2 * count(x.shape) > LARGEST) return undefined;
  return b.emit("Expand", [x], { shape: x.shape.with(pick(random, ones), 2) });
};

const reduce: Step = ({ b, random }, x) => {
  const axes = free(x).filter(() => random.int(2) === 0);
  if (axes.length === 0) return undefined;
  const keepdims = random.int(2) === 0;
  return b.emit(pick(random, ["ReduceSum", "ReduceMax"] as const), [x], { axes, keepdims });
};

const concat: Step = (chain, x) => {
  const axes = free(x);
  if (axes.length === 0 || 2 * count(x.shape) > LARGEST) return undefined;
  const { b, random } = chain;
  const axis = pick(random, axes);
  const constant = normals(chain, bindShape(x.shape, 1));
  const other = random.int(2) === 0 ? b.emit("Neg", [x]) : b.emit("Expand", [constant], { shape: x.shape });
  return b.emit("Concat", random.int(2) === 0 ? [x, other] : [other, x], { axis });
};

const slice: Step = ({ b, random }, x) => {
  const axes = wide(x);
  if (axes.length === 0) return undefined;
  const axis = pick(random, axes);
  const size = x.shape[axis] as number;
  if (size > 2 && random.int(2) === 0)
    return b.emit("Slice", [x], { axis, start: 0, size: Math.ceil(size / 2), step: 2 });
  return b.emit("Slice", [x], { axis, start: random.int(2), size: size - 1, step: 1 });
};

const gather: Step = ({ b, random }, x) => {
  const axes = wide(x);
  if (axes.length === 0 || 2 * count(x.shape) > LARGEST) return undefined;
  const axis = pick(random, axes);
  const size = x.shape[axis] as number;
  const taken = Array.from({ length: 1 + random.int(size) }, () => random.int(size));
  return b.emit("Gather", [x, random.int(4) === 0 ? b.ints([taken[0]!], []) : b.ints(taken)], { axis });
};

const pad: Step = ({ b, random }, x) => {
  const axes = free(x);
  if (axes.length === 0 || 2 * count(x.shape) > LARGEST) return undefined;
  const pads = new Array<number>(2 * x.shape.length).fill(0);
  pads[pick(random, axes) + (random.int(2) === 0 ? 0 : x.shape.length)] = 1;
  return b.emit("Pad", [x], { pads, value: 0.3 });
};

/** With a constant that broadcasts against it, also one of more axes. */
const withConstant: Step = (chain, x) => {
  const { b, random } = chain;
  const shape = x.shape.map((dim) => (typeof dim === "number" && random.int(2) === 0 ? dim : 1));
  const more = x.shape.length < MAX_RANK && 2 * count(x.shape) <= LARGEST && random.int(4) === 0;
  const own = more ? [2, ...shape] : shape.slice(random.int(2));
  const op = pick(random, ["Add", "Sub", "Mul"] as const);
  const constant = normals(chain, own);
  return b.emit(op, random.int(2) === 0 ? [x, constant] : [constant, x]);
};

const fits = (x: Value, y: Value): boolean => {
  const rank = Math.max(x.shape.length, y.shape.length);
  let size = 1;
  for (let k = 1; k <= rank; k++) {
    const [p, q] = [x.shape.at(-k) ?? 1, y.shape.at(-k) ?? 1];
    if (p !== q && p !== 1 && q !== 1) return false;
    // the batch of one meets an axis of the other: samples would meet samples
    if ((typeof p === "string") !== (typeof q === "string") && x.shape.some(isOpen) && y.shape.some(isOpen))
      return false;
    size *= Math.max(count([p]), count([q]));
  }
  return size <= LARGEST;
};
const isOpen = (dim: Dim): boolean => typeof dim === "string";

/** With another value of the network, broadcast: a sum, a product, a maximum, a quotient by something positive. */
const withValue: Step = ({ b, random, values }, x) => {
  const others = values.filter((value) => value !== x && fits(x, value));
  const y = others.length > 0 ? pick(random, others) : x;
  const op = pick(random, ["Add", "Sub", "Mul", "Max", "Min", "Div"] as const);
  if (op !== "Div") return b.emit(op, random.int(2) === 0 ? [x, y] : [y, x]);
  return b.emit("Div", [x, b.emit("Add", [b.emit("Abs", [y]), b.constant(0.7)])]);
};

/** (x − mean)/√(variance + ε) over some axes. */
const standardise: Step = ({ b, random }, x) => {
  const axes = wide(x).filter(() => random.int(3) > 0);
  if (axes.length === 0) return undefined;
  const share = b.constant(1 / axes.reduce((p, axis) => p * (x.shape[axis] as number), 1));
  const mean = (value: Value) => b.emit("Mul", [b.emit("ReduceSum", [value], { axes, keepdims: true }), share]);
  const centred = b.emit("Sub", [x, mean(x)]);
  const variance = mean(b.emit("Mul", [centred, centred]));
  return b.emit("Div", [centred, b.emit("Sqrt", [b.emit("Add", [variance, b.constant(0.5)])])]);
};

const matmul: Step = (chain, x) => {
  const { b, random } = chain;
  if (x.shape.length < 2) return undefined;
  const [m, k] = [x.shape.at(-2)!, x.shape.at(-1)!];
  const choice = random.int(3);
  if (choice === 0 && typeof k === "number") return b.emit("MatMul", [x, normals(chain, [k, 2], k ** -0.5)]);
  if (choice === 1 && typeof m === "number") return b.emit("MatMul", [normals(chain, [2, m], m ** -0.5), x]);
  if (typeof m === "number" && typeof k === "number" && (count(x.shape) / k) * m <= LARGEST)
    return b.emit("MatMul", [x, swapLast(chain, x)]);
  return undefined;
};

const convolve: Step = (chain, x) => {
  const { b, random } = chain;
  const [, channels, ...sizes] = x.shape;
  if (x.shape.length < 3 || x.shape.length > 4 || [channels!, ...sizes].some(isOpen)) return undefined;
  const kernel = sizes.map((size) => Math.min(2, size as number));
  const attrs = { strides: sizes.map(() => 1), dilations: sizes.map(() => 1), pads: [...sizes, ...sizes].map(() => 0) };
  if (random.int(3) === 0) return b.emit("MaxPool", [x], { ...attrs, kernel });
  return b.emit("Conv", [x, normals(chain, [2, channels as number, ...kernel], 0.5)], { ...attrs, group: 1 });
};

const bend: Step = ({ b, random }, x) => {
  const op = pick(random, ["Relu", "Sigmoid", "Tanh", "Abs", "Sqrt", "Exp", "Softmax", "Gelu"] as const);
  switch (op) {
    case "Sqrt":
      return b.emit("Sqrt", [b.emit("Add", [b.emit("Abs", [x]), b.constant(0.2)])]);
    case "Exp":
      return b.emit("Exp", [b.emit("Tanh", [x])]);
    case "Softmax": {
      const axes = free(x);
      return axes.length > 0 ? b.emit("Softmax", [x], { axis: pick(random, axes) }) : undefined;
    }
    case "Gelu":
      return b.emit("Gelu", [x], { approximate: "none" });
    default:
      return b.emit(op, [x]);
  }
};

const STEPS: readonly Step[] = [
  unsqueeze,
  squeeze,
  merge,
  split,
  transpose,
  transpose,
  expand,
  reduce,
  concat,
  slice,
  gather,
  pad,
  withConstant,
  withValue,
  withValue,
  standardise,
  matmul,
  convolve,
  bend,
  bend,
];

const INPUTS: readonly (readonly number[])[] = [[4], [2, 3], [6], [1, 2, 3], [2, 2, 2], [1, 3, 3]];

/** 3 to 8 random ops between an input [N, …] (or [1, …]) and 3 scores. */
export function shapeChain(seed: number, batch: "N" | 1): Graph {
  const random = rng(seed).split(`chain/${batch}`);
  const b = builder();
  const input = b.input("x", [batch, ...pick(random, INPUTS)]);
  const chain: Chain = { b, random, values: [input] };
  const length = 3 + random.int(6);
  let x: Value = input;
  for (let made = 0, tries = 0; made < length && tries < 100; tries++) {
    const next = pick(random, STEPS)(chain, x);
    if (!next || next.shape.length > MAX_RANK + 1 || count(next.shape) > LARGEST) continue;
    x = next;
    chain.values.push(x);
    made++;
  }
  return makeGraph([input], [{ name: "logits", value: scores(chain, x, batch) }]);
}

function scores(chain: Chain, x: Value, batch: "N" | 1): Value {
  const { b } = chain;
  const at = x.shape.findIndex((dim) => typeof dim === "string");
  let first = x;
  if (at > 0) {
    const perm = [at, ...x.shape.flatMap((_, axis) => (axis === at ? [] : [axis]))];
    first = b.emit("Transpose", [x], { perm });
  }
  const size = count(x.shape);
  const flat: Shape = [batch, size];
  const rows = sameShape(first.shape, flat) ? first : b.emit("Reshape", [first], { shape: flat });
  return b.emit("Add", [
    b.emit("MatMul", [rows, normals(chain, [size, CLASSES], size ** -0.5)]),
    normals(chain, [CLASSES]),
  ]);
}
