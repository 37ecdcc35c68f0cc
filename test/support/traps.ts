/**
 * @file Networks on which the rounding of float32 decides the sign of the margin: sums that cancel, large biases, long
 * and deep accumulations, differences of equal terms, products that underflow.
 */

import { floatTensor } from "../../src/graph/tensor.ts";
import { makeGraph } from "../../src/graph/traverse.ts";
import type { Builder, Graph, Value } from "../../src/graph/types.ts";
import { builder } from "../../src/ops/index.ts";
import { type Rng, rng } from "../../src/random/rng.ts";

export interface Trap {
  readonly name: string;
  readonly inputs: number;
  /** Half the width of the boxes. */
  readonly radius: number;
  /** The scale of the inputs. */
  readonly size?: number;
  /** The margin before its last constant is added: [N, 1]. `order` permutes sums: 0 leaves them as they are. */
  readonly margin: (b: Builder, x: Value, random: Rng, order: number) => Value;
}

/** Logits [margin + shift, 0]: class 0 wins where the margin exceeds −shift. */
export function trapGraph(trap: Trap, seed: number, shift: number, order = 0): Graph {
  const b = builder();
  const x = b.input("x", ["N", trap.inputs]);
  const margin = trap.margin(b, x, rng(seed).split(trap.name), order);
  const both = b.emit("MatMul", [margin, b.constant(floatTensor([1, 2], [1, 0]))]);
  const logits = b.emit("Add", [both, b.constant(floatTensor([2], [shift, 0]))]);
  return makeGraph([x], [{ name: "logits", value: logits }]);
}

// ---------------------------------------------------------------- parts

/** x·W + bias; rows of W [inputs][outputs]. */
const affine = (b: Builder, x: Value, w: readonly (readonly number[])[], bias?: readonly number[]): Value => {
  const y = b.emit("MatMul", [x, b.constant(floatTensor([w.length, w[0]!.length], w.flat().map(Math.fround)))]);
  return bias ? b.emit("Add", [y, b.constant(floatTensor([bias.length], bias.map(Math.fround)))]) : y;
};

const column = (values: readonly number[]): number[][] => values.map((value) => [value]);

const normals = (random: Rng, count: number, scale = 1): number[] =>
  Array.from({ length: count }, () => scale * random.normal());

/** The terms of a dot product in another order: exactly the same sum. */
function shuffled(b: Builder, x: Value, order: number): { x: Value; place: (values: readonly number[]) => number[] } {
  const size = x.shape[1] as number;
  if (order === 0) return { x, place: (values) => [...values] };
  const permutation = rng(order).split("order").permutation(size);
  return {
    x: b.emit("Gather", [x, b.ints([...permutation])], { axis: 1 }),
    place: (values) => Array.from(permutation, (from) => values[from]!),
  };
}

/** A hidden layer and a dot product, with the hidden units in some order. */
function hidden(b: Builder, x: Value, w: number[][], bias: number[], out: readonly number[], order: number): Value {
  const h = b.emit("Relu", [affine(b, x, w, bias)]);
  const { x: moved, place } = shuffled(b, h, order);
  return affine(b, moved, column(place(out)));
}

// ---------------------------------------------------------------- traps

export const TRAPS: readonly Trap[] = [
  {
    name: "(10⁶ + δ)·x − 10⁶·x over copies of x",
    inputs: 1,
    radius: 2 ** -20,
    margin: (b, x, random, order) => {
      const big = Array.from({ length: 8 }, () => 1e6 * (1 + random.uniform()));
      const out = big.flatMap((v) => [Math.fround(v) + 0.25 * random.int(8), -Math.fround(v)]);
      return hidden(
        b,
        x,
        [out.map(() => 1)],
        out.map(() => 0),
        out,
        order,
      );
    },
  },
  {
    name: "biases of 10⁷ that cancel",
    inputs: 3,
    radius: 2 ** -10,
    margin: (b, x, random, order) => {
      const biases = Array.from({ length: 12 }, () => Math.round(1e7 * (1 + random.uniform())));
      const signs = biases.map((_, i) => (i % 2 === 0 ? 1 : -1));
      const w = [0, 1, 2].map(() => normals(random, 12, 3));
      const y = hidden(b, x, w, biases, signs, order);
      const total = biases.reduce((sum, v, i) => sum + Math.fround(v) * signs[i]!, 0);
      return b.emit("Add", [y, b.constant(-total)]);
    },
  },
  {
    name: "a sum of 400 terms in an adverse order",
    inputs: 400,
    radius: 0,
    margin: (b, x, random, order) => {
      // growing terms first, then what takes them back, then the small ones that are lost among them
      const large = Array.from({ length: 180 }, (_, i) => Math.fround(1e5 * (i + 1) * (1 + 0.1 * random.uniform())));
      const small = normals(random, 40, 0.01);
      const { x: moved, place } = shuffled(b, x, order);
      return affine(b, moved, column(place([...large, ...small, ...large.map((v) => -v)])));
    },
  },
  {
    name: "5 layers, each nearly the identity",
    inputs: 2,
    radius: 2 ** -14,
    margin: (b, x, random) => {
      let h: Value = affine(b, x, [normals(random, 4), normals(random, 4)], [40, 50, 60, 70]);
      for (let k = 0; k < 5; k++) {
        const w = [0, 1, 2, 3].map((i) => [0, 1, 2, 3].map((j) => (i === j ? 1 : 0) + 0.05 * random.normal()));
        h = b.emit("Relu", [affine(b, h, w, normals(random, 4, 0.1))]);
      }
      return affine(b, h, column([1, -1, 0.7, -0.7]));
    },
  },
  {
    name: "the difference of two equal large terms",
    inputs: 2,
    radius: 2 ** -12,
    margin: (b, x, random) => {
      const weights = [normals(random, 1, 1e5), normals(random, 1, 1e5)].map((row) => row.map(Math.fround));
      const near = weights.map(([w]) => [Math.fround(w! * (1 + 3e-7 * random.normal()))]);
      return b.emit("Sub", [affine(b, x, weights, [3e5]), affine(b, x, near, [3e5])]);
    },
  },
  {
    name: "a scale by a product of constants",
    inputs: 2,
    radius: 2 ** -14,
    margin: (b, x, random) => {
      const scales = normals(random, 6).map((v) => Math.fround(1 + 0.3 * v));
      const constant = (v: number) => b.constant(floatTensor([1], [v]));
      const factor = scales.map(constant).reduce<Value>((p, q) => b.emit("Mul", [p, q]), constant(1e3));
      // 10⁸ + k − 10⁸: float32 keeps another k
      const lost = b.emit("Sub", [b.emit("Add", [constant(1e8), constant(3 + random.uniform())]), constant(1e8)]);
      const y = b.emit("Mul", [affine(b, x, column([1, 1])), factor]);
      return b.emit("Sub", [b.emit("Add", [y, lost]), b.emit("Mul", [affine(b, x, column([1, 0.999])), factor])]);
    },
  },
  {
    name: "a residual sum that takes back what it added",
    inputs: 3,
    radius: 0,
    margin: (b, x, random, order) => {
      const w = [0, 1, 2].map(() => normals(random, 6, 2000));
      const h = b.emit("Relu", [
        affine(
          b,
          x,
          w,
          normals(random, 6, 100).map((v) => v + 4000),
        ),
      ]);
      const around = affine(
        b,
        h,
        [0, 1, 2, 3, 4, 5].map(() => normals(random, 6, 0.001)),
      );
      const { x: moved, place } = shuffled(b, b.emit("Add", [h, around]), order);
      const signs = [1, -1, 1, -1, 1, -1];
      return b.emit("Sub", [affine(b, moved, column(place(signs))), affine(b, h, column(signs))]);
    },
  },
  {
    name: "weights of 10⁻²² whose products underflow",
    inputs: 4,
    radius: 2 ** -6,
    margin: (b, x, random, order) =>
      hidden(
        b,
        x,
        [0, 1, 2, 3].map(() => normals(random, 6, 1e-22)),
        normals(random, 6, 1e-22),
        normals(random, 6, 1e-22),
        order,
      ),
  },
  {
    name: "tiny weights behind huge ones",
    inputs: 2,
    radius: 2 ** -8,
    margin: (b, x, random, order) => {
      const h = b.emit("Relu", [
        affine(b, x, [normals(random, 4, 1e18), normals(random, 4, 1e18)], [1e18, 1e18, 1e18, 1e18]),
      ]);
      const small = b.emit("Relu", [
        affine(
          b,
          h,
          [0, 1, 2, 3].map(() => normals(random, 4, 1e-36)),
        ),
      ]);
      return hidden(
        b,
        small,
        [0, 1, 2, 3].map(() => normals(random, 4, 1e-21)),
        [0, 0, 0, 0],
        normals(random, 4, 1e-3),
        order,
      );
    },
  },
  {
    name: "inputs of 10⁻³⁰ and weights that restore them",
    inputs: 3,
    radius: 2 ** -12,
    size: 1e-30,
    margin: (b, x, random, order) =>
      hidden(
        b,
        x,
        [0, 1, 2].map(() => normals(random, 5, 1e15)),
        normals(random, 5, 1e-15),
        normals(random, 5, 1e15),
        order,
      ),
  },
];
