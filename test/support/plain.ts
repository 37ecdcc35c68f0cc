/**
 * @file Layered ReLU networks as plain matrices, and bounds of their margins written a second time, in scalar float64
 * loops without graphs: the oracles of the verifiers.
 */

import { makeGraph, outputOf, rewriteGraph, topological } from "../../src/graph/traverse.ts";
import type { Graph, Value } from "../../src/graph/types.ts";
import { evaluateGraph } from "../../src/ops/evaluate.ts";
import { builder } from "../../src/ops/index.ts";
import { reemit } from "../../src/ops/rules.ts";

/** z = W x + b; `w` is [outputs][inputs]. */
export interface Layer {
  readonly w: readonly Float64Array[];
  readonly b: Float64Array;
}

/** Affine layers with a ReLU between each two. */
export type Plain = readonly Layer[];

export interface Box {
  readonly lower: Float64Array;
  readonly upper: Float64Array;
}

/** The matrices of a graph without branches, found by evaluating each stretch between ReLUs on unit vectors. */
export function plainOf(graph: Graph): Plain {
  const target = outputOf(graph);
  const relus = topological([target]).filter((value) => value.kind === "node" && value.op === "Relu");
  const starts: Value[] = [graph.inputs[0]!, ...relus];
  const ends: Value[] = [...relus.map((relu) => (relu.kind === "node" ? relu.inputs[0]! : relu)), target];
  return ends.map((end, k) => affineMap(starts[k]!, end));
}

function affineMap(start: Value, end: Value): Layer {
  const b = builder();
  const x = b.input("start", start.shape);
  const from = (value: Value) => (value === start ? x : undefined);
  const graph = rewriteGraph(
    makeGraph([], [{ name: "z", value: end }]),
    from,
    (node, inputs) => reemit(b, node, inputs),
    (leaf) => from(leaf) ?? leaf,
  );
  const sample = start.shape.slice(1) as number[];
  const size = sample.reduce((p, q) => p * q, 1);
  const data = new Float64Array((size + 1) * size);
  for (let i = 0; i < size; i++) data[(i + 1) * size + i] = 1;
  const feeds = new Map([["start", { dtype: "float" as const, shape: [size + 1, ...sample], data }]]);
  const z = evaluateGraph(makeGraph([x], graph.outputs), feeds).get("z")!.data;
  const outputs = z.length / (size + 1);
  const bias = Float64Array.from({ length: outputs }, (_, o) => z[o]!);
  const w = Array.from({ length: outputs }, (_, o) =>
    Float64Array.from({ length: size }, (_, i) => z[(i + 1) * outputs + o]! - bias[o]!),
  );
  return { w, b: bias };
}

const dot = (a: ArrayLike<number>, x: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * x[i]!;
  return sum;
};

const apply = ({ w, b }: Layer, x: ArrayLike<number>): Float64Array => b.map((bias, o) => bias + dot(w[o]!, x));

export function forward(net: Plain, x: ArrayLike<number>): Float64Array {
  let z = apply(net[0]!, x);
  for (const layer of net.slice(1))
    z = apply(
      layer,
      z.map((v) => Math.max(v, 0)),
    );
  return z;
}

/** The network whose outputs are the margins of a class: the last layer's rows subtracted. */
export function marginNet(net: Plain, label: number): Plain {
  const { w, b } = net.at(-1)!;
  const others = w.map((_, j) => j).filter((j) => j !== label);
  const rows = others.map((j) => w[label]!.map((v, i) => v - w[j]![i]!));
  return [...net.slice(0, -1), { w: rows, b: Float64Array.from(others, (j) => b[label]! - b[j]!) }];
}

// ---------------------------------------------------------------- intervals

const reluBox = ({ lower, upper }: Box): Box => ({
  lower: lower.map((l) => Math.max(l, 0)),
  upper: upper.map((u) => Math.max(u, 0)),
});

function affineBox({ w, b }: Layer, { lower, upper }: Box): Box {
  const end = (o: number, towards: Float64Array, away: Float64Array) => {
    let sum = b[o]!;
    w[o]!.forEach((v, i) => {
      sum += v * (v > 0 ? towards[i]! : away[i]!);
    });
    return sum;
  };
  return { lower: b.map((_, o) => end(o, lower, upper)), upper: b.map((_, o) => end(o, upper, lower)) };
}

/** Boxes before every ReLU, and of the outputs. */
export function intervalBoxes(net: Plain, box: Box): Box[] {
  const boxes: Box[] = [];
  let x = box;
  for (const layer of net) {
    boxes.push(affineBox(layer, x));
    x = reluBox(boxes.at(-1)!);
  }
  return boxes;
}

export const intervalMargins = (net: Plain, box: Box): Float64Array => intervalBoxes(net, box).at(-1)!.lower;

// ---------------------------------------------------------------- DeepPoly

type Line = readonly [slope: number, offset: number];
export type LowerSlope = (l: number, u: number) => number;

export const SLOPES = {
  adaptive: (l, u) => (u > -l ? 1 : 0),
  parallel: (l, u) => u / (u - l),
  zero: () => 0,
  one: () => 1,
} as const satisfies Record<string, LowerSlope>;

function reluLines(l: number, u: number, slope: LowerSlope): { lower: Line; upper: Line } {
  if (l >= 0) return { lower: [1, 0], upper: [1, 0] };
  if (u <= 0) return { lower: [0, 0], upper: [0, 0] };
  const s = u / (u - l);
  return { lower: [slope(l, u), 0], upper: [s, -s * l] };
}

/** Lower bound of one affine function of layer k's pre-activations' ReLU, by substituting the lines neuron by neuron. */
function substituteDown(
  net: Plain,
  row: Float64Array,
  bias: number,
  boxes: readonly Box[],
  box: Box,
  slope: LowerSlope,
): number {
  let [a, d] = [row, bias];
  for (let k = boxes.length - 1; k >= 0; k--) {
    const { lower, upper } = boxes[k]!;
    const before = new Float64Array(net[k]!.w[0]!.length);
    for (let i = 0; i < a.length; i++) {
      const lines = reluLines(lower[i]!, upper[i]!, slope);
      const [s, c] = a[i]! >= 0 ? lines.lower : lines.upper;
      d += a[i]! * c + a[i]! * s * net[k]!.b[i]!;
      for (let j = 0; j < before.length; j++) before[j]! += a[i]! * s * net[k]!.w[i]![j]!;
    }
    a = before;
  }
  for (let j = 0; j < a.length; j++) d += a[j]! * (a[j]! >= 0 ? box.lower[j]! : box.upper[j]!);
  return d;
}

export interface BackwardOptions {
  readonly slope: LowerSlope;
  /** Boxes before the ReLUs by intervals (CROWN-IBP) instead of backwards. */
  readonly interval?: boolean;
}

/**
 * Lower bounds of all outputs, each neuron's bounds by back-substitution of its own.
 * @source Singh et al. 2019, doi:10.1145/3290354 (DeepPoly), figure 4
 */
export function backwardMargins(net: Plain, box: Box, { slope, interval = false }: BackwardOptions): Float64Array {
  const known: Box[] = [];
  const forwardBoxes = intervalBoxes(net, box);
  net.slice(0, -1).forEach(({ w, b }, k) => {
    if (interval) {
      known.push(forwardBoxes[k]!);
      return;
    }
    const bound = (sign: number) =>
      b.map(
        (bias, o) =>
          sign *
          substituteDown(
            net,
            w[o]!.map((v) => sign * v),
            sign * bias,
            known,
            box,
            slope,
          ),
      );
    known.push({ lower: bound(1), upper: bound(-1) });
  });
  const { w, b } = net.at(-1)!;
  return b.map((bias, o) => substituteDown(net, w[o]!, bias, known, box, slope));
}

// ---------------------------------------------------------------- zonotope

/**
 * Lower bounds of all outputs by affine forms c + Σ gₖ·eₖ, one new symbol an unstable ReLU.
 * @source Singh et al. 2018, "Fast and Effective Robustness Certification" (DeepZ)
 */
export function zonotopeMargins(net: Plain, { lower, upper }: Box): Float64Array {
  let centre: Float64Array = lower.map((l, i) => (l + upper[i]!) / 2);
  // generators[k][i]: coefficient of symbol k in coordinate i
  let generators: Float64Array[] = [...lower.keys()].map((i) =>
    lower.map((l, j) => (i === j ? (upper[i]! - l) / 2 : 0)),
  );
  net.forEach((layer, depth) => {
    centre = apply(layer, centre);
    generators = generators.map((g) => layer.b.map((_, o) => dot(layer.w[o]!, g)));
    if (depth === net.length - 1) return;
    const fresh: Float64Array[] = [];
    centre.forEach((c, i) => {
      const radius = generators.reduce((sum, g) => sum + Math.abs(g[i]!), 0);
      const [l, u] = [c - radius, c + radius];
      if (l >= 0) return;
      const [slope, shift] = u <= 0 ? [0, 0] : [u / (u - l), (-u * l) / (2 * (u - l))];
      centre[i] = slope * c + shift;
      for (const g of generators) g[i]! *= slope;
      if (shift > 0) fresh.push(centre.map((_, j) => (i === j ? shift : 0)));
    });
    generators.push(...fresh);
  });
  return centre.map((c, i) => c - generators.reduce((sum, g) => sum + Math.abs(g[i]!), 0));
}

// ---------------------------------------------------------------- the dual network

/**
 * Lower bound of the outputs by the dual network with α = s, each layer's bounds by the same bound.
 * @source Wong & Kolter 2018, arXiv:1711.00851, theorem 1; the box in place of the ball
 */
export function dualMargins(net: Plain, box: Box): Float64Array {
  const known: Box[] = [];
  for (let k = 1; k < net.length; k++) {
    const outputs = [...net[k - 1]!.b.keys()];
    const part = net.slice(0, k);
    const bound = (i: number, sign: number) => sign * dualBound(part, i, sign, known, box);
    known.push({
      lower: Float64Array.from(outputs, (i) => bound(i, 1)),
      upper: Float64Array.from(outputs, (i) => bound(i, -1)),
    });
  }
  return net.at(-1)!.b.map((_, i) => dualBound(net, i, 1, known, box));
}

/** J(ν): the bound of sign·(output i) from the dual variables, from the last layer to the first. */
function dualBound(net: Plain, output: number, sign: number, known: readonly Box[], { lower, upper }: Box): number {
  let nu: Float64Array = net.at(-1)!.b.map((_, o) => (o === output ? -sign : 0));
  let objective = 0;
  for (let k = net.length - 1; k >= 0; k--) {
    const { w, b } = net[k]!;
    objective -= dot(nu, b);
    const hat = new Float64Array(w[0]!.length);
    for (let o = 0; o < nu.length; o++) for (let i = 0; i < hat.length; i++) hat[i]! += w[o]![i]! * nu[o]!;
    if (k === 0) {
      // −max over the box of xᵀν̂
      for (let i = 0; i < hat.length; i++) objective -= Math.max(hat[i]! * lower[i]!, hat[i]! * upper[i]!);
      return objective;
    }
    nu = hat.map((v, i) => {
      const [l, u] = [known[k - 1]!.lower[i]!, known[k - 1]!.upper[i]!];
      if (l >= 0) return v;
      if (u <= 0) return 0;
      const s = u / (u - l);
      objective += l * Math.max(s * v, 0);
      return s * v;
    });
  }
  return objective;
}

// ---------------------------------------------------------------- enumeration

/**
 * The exact minimum of every output over a box, by cutting the box into simplices along the activation boundaries until
 * the network is affine on each: it is least at a vertex. For few inputs and units.
 */
export function exactMinima(net: Plain, box: Box): Float64Array {
  const least = net.at(-1)!.b.map(() => Number.POSITIVE_INFINITY);
  const visit = (simplex: Simplex, depth: number): void => {
    const layer = net[depth]!;
    if (depth === net.length - 1) {
      for (const corner of simplex)
        apply(layer, corner).forEach((v, i) => {
          least[i] = Math.min(least[i]!, v);
        });
      return;
    }
    for (const piece of cutAtKinks(layer, simplex)) {
      visit(
        piece.map((corner) => apply(layer, corner).map((v) => Math.max(v, 0))),
        depth + 1,
      );
    }
  };
  for (const simplex of kuhnSimplices(box)) visit(simplex, 0);
  return least;
}

/** The inputs of a layer at the corners of a simplex of the network's input, between which they are affine. */
type Simplex = readonly Float64Array[];

/** Closer to zero than this, a pre-activation at a corner counts as zero. */
const ON_THE_KINK = 1e-12;

function cutAtKinks(layer: Layer, simplex: Simplex): Simplex[] {
  let pieces = [simplex];
  for (const [o, row] of layer.w.entries()) {
    const done: Simplex[] = [];
    for (let piece = pieces.pop(); piece; piece = pieces.pop()) {
      const z = piece.map((corner) => layer.b[o]! + dot(row, corner));
      const high = z.findIndex((v) => v > ON_THE_KINK);
      const low = z.findIndex((v) => v < -ON_THE_KINK);
      if (high < 0 || low < 0) {
        done.push(piece);
        continue;
      }
      const t = z[high]! / (z[high]! - z[low]!);
      const cut = piece[high]!.map((v, i) => v + t * (piece[low]![i]! - v));
      pieces.push(piece.with(high, cut), piece.with(low, cut));
    }
    pieces = done;
  }
  return pieces;
}

/** The n! simplices of a box: paths from its lower to its upper corner along the axes. */
function kuhnSimplices({ lower, upper }: Box): Simplex[] {
  const paths = (axes: readonly number[]): number[][] =>
    axes.length === 0
      ? [[]]
      : axes.flatMap((axis) => paths(axes.filter((other) => other !== axis)).map((rest) => [axis, ...rest]));
  return paths([...lower.keys()]).map((path) => {
    const corners = [lower];
    for (const axis of path) corners.push(corners.at(-1)!.with(axis, upper[axis]!));
    return corners;
  });
}
