/** @file Changes of a network that do not change what it computes, or change it in a known way. */

import { floatTensor } from "../../src/graph/tensor.ts";
import { makeGraph, outputOf, rewriteGraph } from "../../src/graph/traverse.ts";
import type { Graph, Value } from "../../src/graph/types.ts";
import { builder } from "../../src/ops/index.ts";
import { reemit } from "../../src/ops/rules.ts";
import type { Rng } from "../../src/random/rng.ts";
import type { Box, Layer, Plain } from "./plain.ts";

const pick = (values: Float64Array, order: Int32Array): Float64Array => Float64Array.from(order, (i) => values[i]!);

/** Hidden units in another order. */
export function permuteHidden(net: Plain, random: Rng): Plain {
  const orders = net.slice(0, -1).map(({ b }) => random.permutation(b.length));
  return net.map(({ w, b }, k) => {
    const rows = orders[k] ?? Int32Array.from(b.keys());
    const columns = orders[k - 1];
    const moved = Array.from(rows, (o) => (columns ? pick(w[o]!, columns) : w[o]!));
    return { w: moved, b: pick(b, rows) };
  });
}

/** Every hidden unit times a power of two, taken back behind its ReLU. */
export function scaleHidden(net: Plain, random: Rng): Plain {
  const scales = net.slice(0, -1).map(({ b }) => b.map(() => 2 ** (random.int(7) - 3)));
  return net.map(({ w, b }, k) => {
    const [own, before] = [scales[k], scales[k - 1]];
    const row = (values: Float64Array, o: number) => values.map((v, i) => (v * (own?.[o] ?? 1)) / (before?.[i] ?? 1));
    return { w: w.map(row), b: b.map((v, o) => v * (own?.[o] ?? 1)) };
  });
}

/** A unit that nothing reads, one that is never active, and one whose input is 0, in every hidden layer. */
export function addDeadUnits(net: Plain): Plain {
  return net.map(({ w, b }, k) => {
    const wide = k === 0 ? w : w.map((row) => Float64Array.of(...row, 0, 3, 2));
    if (k === net.length - 1) return { w: wide, b };
    const inputs = wide[0]!.length;
    const none = new Float64Array(inputs);
    return { w: [...wide, none.map(() => 0.5), none, none], b: Float64Array.of(...b, 0.25, -1, 0) };
  });
}

/** Inputs translated and some of their signs flipped, with the first layer and the box. */
export function moveInputs(net: Plain, boxes: readonly Box[], random: Rng): { net: Plain; boxes: Box[] } {
  const size = net[0]!.w[0]!.length;
  const [shift, sign] = [new Float64Array(size), new Float64Array(size)];
  for (let i = 0; i < size; i++) [shift[i], sign[i]] = [random.int(9) / 4 - 1, random.int(2) === 0 ? 1 : -1];
  // x = sign·(x′ − shift)
  const { w, b } = net[0]!;
  const first: Layer = {
    w: w.map((row) => row.map((v, i) => v * sign[i]!)),
    b: b.map((v, o) => v - w[o]!.reduce((sum, weight, i) => sum + weight * sign[i]! * shift[i]!, 0)),
  };
  const moved = boxes.map(({ lower, upper }) => {
    const end = (positive: Float64Array, negative: Float64Array) =>
      positive.map((v, i) => (sign[i]! > 0 ? v : -negative[i]!) + shift[i]!);
    return { lower: end(lower, upper), upper: end(upper, lower) };
  });
  return { net: [first, ...net.slice(1)], boxes: moved };
}

/** Class c becomes class place[c]. */
export function permuteClasses(net: Plain, place: Int32Array): Plain {
  const last = net.at(-1)!;
  const from = Int32Array.from(place.keys(), (c) => place.indexOf(c));
  return [...net.slice(0, -1), { w: Array.from(from, (c) => last.w[c]!), b: pick(last.b, from) }];
}

/** Every sum with a bias is followed by a matrix and its inverse: each affine layer becomes three. */
export function splitAffine(graph: Graph): Graph {
  const b = builder();
  const split = (value: Value): Value => {
    const size = value.shape[1] as number;
    const matrix = (at: (i: number, j: number) => number) =>
      b.constant(
        floatTensor(
          [size, size],
          Array.from({ length: size * size }, (_, k) => at(Math.floor(k / size), k % size)),
        ),
      );
    const there = matrix((i, j) => (j === i || j === i + 1 ? 1 : 0));
    const back = matrix((i, j) => (j < i ? 0 : (j - i) % 2 === 0 ? 1 : -1));
    return b.emit("MatMul", [b.emit("MatMul", [value, there]), back]);
  };
  const rewritten = rewriteGraph(
    graph,
    (node, inputs) => (node.op === "Add" ? split(reemit(b, node, inputs)) : undefined),
    (node, inputs) => reemit(b, node, inputs),
  );
  return makeGraph(graph.inputs, [{ name: "logits", value: outputOf(rewritten) }]);
}
