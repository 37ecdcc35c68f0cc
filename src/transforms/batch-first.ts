/**
 * @file A graph in which axis 0 of every value is the batch and nothing else, as linear bounds need it: their rows are
 * folded into that axis.
 *
 * Files put the batch elsewhere on the way (transposed layers, [T, N, C], a 1 before it), merge it with other axes
 * ([N·T, C, H, W]), or fix it at 1 and reduce over all axes, so that it disappears. None of that mixes samples, so the
 * graph of one sample says all: where axis 0 is not the batch, a value gets a new axis for it before all of its own.
 */

import { bindBatch } from "../graph/bind.ts";
import { bindDim, bindShape, type Dim, type Shape, ShapeError } from "../graph/dims.ts";
import type { OpAttrs, OpName } from "../graph/signatures.ts";
import { dependents, makeGraph, nodesOf, topological } from "../graph/traverse.ts";
import type { Builder, Graph, NodeValue, Value } from "../graph/types.ts";
import { builder } from "../ops/index.ts";
import { broadcastTo, reshape } from "../ops/rules.ts";
import { UnsupportedReading } from "./unsupported.ts";

/**
 * The same function of inputs [N, …], for outputs [N, …]; the graph itself where axis 0 is the batch throughout.
 * An input whose file fixes the batch at 1 is left open where the graph had to be written anew.
 *
 * @throws UnsupportedReading naming an op that mixes samples, or goes over the batch axis of a batch fixed above 1
 */
export function batchFirst(graph: Graph): Graph {
  const varying = dependents(
    graph.outputs.map(({ value }) => value),
    new Set(graph.inputs),
  );
  const lead = graph.inputs[0]?.shape[0] ?? 1;
  const irregular = nodesOf(graph).find(
    (node) =>
      varying.has(node) &&
      !(node.shape[0] === lead && fits(node, varying, bindDim(lead, 1)) && !namesBatch(node, bindDim(lead, 1))),
  );
  if (!irregular) return graph;
  if (bindDim(lead, 1) !== 1)
    throw new UnsupportedReading(irregular, "linear bound", `it goes over a batch that the file fixes at ${lead}`);
  return written(graph);
}

/** The same function of any number of samples, where the file fixes the batch at 1. @throws ShapeError, UnsupportedReading */
export const openBatch = (graph: Graph): Graph => (graph.inputs[0]?.shape[0] === 1 ? written(graph) : graph);

function written(graph: Graph): Graph {
  const b = builder();
  const one = bindBatch(b, graph, 1);
  const roots = one.outputs.map(({ value }) => value);
  const varying = dependents(roots, new Set(one.inputs));
  const inputs = one.inputs.map(({ name, shape, dtype }) => b.input(name, ["N", ...shape.slice(1)], dtype));
  const places = new Map<Value, Place>(
    one.inputs.map((input, i) => [input, { value: inputs[i]!, shape: input.shape as number[], shift: 0 }]),
  );
  for (const value of topological(roots)) {
    if (value.kind === "node" && varying.has(value)) places.set(value, placed(b, value, places, varying));
  }
  const outputs = one.outputs.map(({ name, value }) => {
    const place = places.get(value);
    if (place && (value.shape.length < 2 || value.shape[0] !== 1))
      throw new ShapeError(`the output "${name}" does not begin with the batch`);
    return { name, value: place ? alone(b, place) : value };
  });
  return makeGraph(inputs, outputs);
}

/** A varying value of one sample, for any number of them: along axis 0 in place of a 1 there, or before all axes (1). */
interface Place {
  readonly value: Value;
  /** Of one sample, with the file's axes. */
  readonly shape: readonly number[];
  readonly shift: 0 | 1;
}

/** A value without axes keeps one beside the batch: rows of bounds need a sample to have an axis. */
const shapeAt = (shape: readonly number[], shift: 0 | 1): Shape =>
  shift === 0 ? ["N", ...shape.slice(1)] : ["N", ...(shape.length > 0 ? shape : [1])];

const alone = (b: Builder, { value, shape }: Place): Value => reshape(b, value, shapeAt(shape, 0));

/** With the batch before all axes, and those aligned to a rank. */
function shifted(b: Builder, { value, shape }: Place, rank: number): Value {
  const ones = new Array<number>(Math.max(0, rank - shape.length)).fill(1);
  return reshape(b, value, shapeAt([...ones, ...shape], 1));
}

function placed(b: Builder, node: NodeValue, places: ReadonlyMap<Value, Place>, varying: ReadonlySet<Value>): Place {
  const shape = node.shape as number[];
  const shift = fits(node, varying, 1) ? 0 : 1;
  const rule = rules[node.op] as Rule<OpName>;
  const rank = rule.broadcasts ? shape.length : 0;
  const operands = node.inputs.map((input) => {
    const place = places.get(input);
    return place ? (shift === 0 ? alone(b, place) : shifted(b, place, rank)) : input;
  });
  const value = rule.write({ b, node, operands, varies: varies(node, varying), shift, shape: shapeAt(shape, shift) });
  return { value: reshape(b, value, shapeAt(shape, shift)), shape, shift };
}

const varies = ({ inputs }: NodeValue, varying: ReadonlySet<Value>): boolean[] =>
  inputs.map((input) => varying.has(input));

/** Is axis 0, of that size, the batch in all that varies, and does the op leave it alone? */
function fits(node: NodeValue, varying: ReadonlySet<Value>, size: number): boolean {
  const own = varies(node, varying);
  const held = [...node.inputs.filter((_, i) => own[i]), node].map(({ shape }) => bindShape(shape, 1));
  const rule = rules[node.op] as Rule<OpName>;
  if (held.some((shape) => shape.length < 2 || shape[0] !== size)) return false;
  if (rule.broadcasts && held.some((shape) => shape.length !== node.shape.length)) return false;
  return rule.alone(node, own);
}

// ---------------------------------------------------------------- ops

/** A node to be written on operands whose axis 0 is the batch, and whose other axes are the file's from `shift` on. */
interface Site<K extends OpName> {
  readonly b: Builder;
  /** For one sample. */
  readonly node: NodeValue<K>;
  readonly operands: readonly Value[];
  readonly varies: readonly boolean[];
  readonly shift: 0 | 1;
  /** Of the result; it may also be written in another shape of the same elements. */
  readonly shape: Shape;
}

interface Rule<K extends OpName> {
  /** Operands' axes are counted from the last one. */
  readonly broadcasts?: true;
  /** Does the op leave axis 0 of what varies as it is? */
  readonly alone: (node: NodeValue<K>, varies: readonly boolean[]) => boolean;
  readonly write: (site: Site<K>) => Value;
}

const emit = <K extends OpName>({ b, node, operands }: Site<K>, attrs: OpAttrs[K]): Value =>
  b.emit(node.op, operands, ...([attrs, node.name] as never));

const always = (): boolean => true;

const elementwise = <K extends OpName>(): Rule<K> => ({
  broadcasts: true,
  alone: always,
  write: (site) => emit(site, site.node.attrs),
});

/** Ops along one axis. */
const along = <K extends "Softmax" | "LogSoftmax" | "Slice">(): Rule<K> => ({
  alone: ({ attrs }) => attrs.axis > 0,
  write: (site) => emit(site, { ...site.node.attrs, axis: site.node.attrs.axis + site.shift }),
});

/** Axes of size 1 need no reduction: so the batch is not reduced where the file reduces all axes at batch 1. */
const reducedAxes = ({ inputs: [x], attrs }: NodeValue<"ReduceSum" | "ReduceMax">): number[] =>
  attrs.axes.filter((axis) => x!.shape[axis] !== 1);

/** Does it reduce over a batch of one? Nothing changes, but rows in that axis would be summed. */
const namesBatch = (node: NodeValue, size: number): boolean =>
  (node.op === "ReduceSum" || node.op === "ReduceMax") &&
  size === 1 &&
  (node as NodeValue<"ReduceSum">).attrs.axes.includes(0);

const reduction = <K extends "ReduceSum" | "ReduceMax">(): Rule<K> => ({
  alone: (node) => !reducedAxes(node as NodeValue<"ReduceSum" | "ReduceMax">).includes(0),
  write: (site) => {
    const axes = reducedAxes(site.node as NodeValue<"ReduceSum" | "ReduceMax">).map((axis) => axis + site.shift);
    return axes.length > 0 ? emit(site, { axes, keepdims: true } as OpAttrs[K]) : site.operands[0]!;
  },
});

/** Several images a sample, [N, T, C, …], are images of T·C channels. */
const asChannels = (b: Builder, x: Value): Value => {
  const [n, t, c, ...sizes] = x.shape as [Dim, number, number, ...number[]];
  return reshape(b, x, [n, t * c, ...sizes]);
};

const convolution = <K extends "Conv" | "ConvTranspose">(): Rule<K> => ({
  alone: (_, [, kernelVaries]) => !kernelVaries,
  write: (site) => {
    const { b, node, operands, shift } = site;
    const [x, w] = operands as [Value, Value];
    if (site.varies[1]) throw new UnsupportedReading(node, "linear bound", "its kernel varies");
    if (shift === 0) return emit(site, node.attrs);
    // a group of kernels for each image
    const images = x.shape[1] as number;
    const kernels = broadcastTo(b, reshape(b, w, [1, ...w.shape]), [images, ...w.shape]);
    const stacked = reshape(b, kernels, [images * (w.shape[0] as number), ...w.shape.slice(1)]);
    const attrs = { ...node.attrs, group: node.attrs.group * images };
    return emit({ ...site, operands: [asChannels(b, x), stacked] }, attrs as OpAttrs[K]);
  },
});

const windows = <K extends "Unfold" | "MaxPool">(): Rule<K> => ({
  alone: always,
  write: (site) => {
    const [x] = site.operands as [Value];
    return emit(site.shift === 0 ? site : { ...site, operands: [asChannels(site.b, x)] }, site.node.attrs);
  },
});

const rules: { readonly [K in OpName]: Rule<K> } = {
  Add: elementwise(),
  Sub: elementwise(),
  Mul: elementwise(),
  Div: elementwise(),
  Pow: elementwise(),
  Min: elementwise(),
  Max: elementwise(),
  Neg: elementwise(),
  Abs: elementwise(),
  Sign: elementwise(),
  Step: elementwise(),
  Sqrt: elementwise(),
  Exp: elementwise(),
  Log: elementwise(),
  Reciprocal: elementwise(),
  Sin: elementwise(),
  Asin: elementwise(),
  Atan: elementwise(),
  Cos: elementwise(),
  Floor: elementwise(),
  Ceil: elementwise(),
  Round: elementwise(),
  Relu: elementwise(),
  LeakyRelu: elementwise(),
  PRelu: elementwise(),
  Elu: elementwise(),
  HardSwish: elementwise(),
  Sigmoid: elementwise(),
  Tanh: elementwise(),
  Softplus: elementwise(),
  Softsign: elementwise(),
  Erf: elementwise(),
  Gelu: elementwise(),
  Clip: elementwise(),
  Equal: elementwise(),
  Greater: elementwise(),
  Less: elementwise(),
  GreaterOrEqual: elementwise(),
  LessOrEqual: elementwise(),
  And: elementwise(),
  Or: elementwise(),
  Not: elementwise(),
  Where: elementwise(),
  Cast: elementwise(),
  Softmax: along(),
  LogSoftmax: along(),
  // rows of a matrix on the right are summed over
  MatMul: {
    broadcasts: true,
    alone: ({ shape }, [, right]) => shape.length > 2 || !right,
    write: (site) => emit(site, site.node.attrs),
  },
  Conv: convolution(),
  ConvTranspose: convolution(),
  ReduceSum: reduction(),
  ReduceMax: reduction(),
  Unfold: windows(),
  MaxPool: windows(),
  ArgMax: {
    alone: ({ attrs }) => attrs.axis > 0,
    write: (site) => emit(site, { axis: site.node.attrs.axis + site.shift, keepdims: true }),
  },
  Reshape: { alone: always, write: ({ operands: [x] }) => x! },
  Transpose: {
    alone: ({ attrs }) => attrs.perm[0] === 0,
    write: (site) => {
      const { perm } = site.node.attrs;
      return emit(site, { perm: site.shift === 0 ? perm : [0, ...perm.map((axis) => axis + 1)] });
    },
  },
  Concat: {
    alone: ({ attrs }) => attrs.axis > 0,
    write: (site) => {
      const { b, node, shift } = site;
      const operands = site.operands.map((x, i) => {
        if (site.varies[i]) return x;
        const one = shift === 0 ? x : reshape(b, x, [1, ...x.shape]);
        return broadcastTo(b, one, ["N", ...one.shape.slice(1)]);
      });
      return emit({ ...site, operands }, { axis: node.attrs.axis + shift });
    },
  },
  Slice: along(),
  Pad: {
    alone: ({ attrs: { pads } }) => pads[0] === 0 && pads[pads.length / 2] === 0,
    write: (site) => {
      const { pads, value } = site.node.attrs;
      const half = pads.length / 2;
      return emit(
        site,
        site.shift === 0 ? { pads, value } : { pads: [0, ...pads.slice(0, half), 0, ...pads.slice(half)], value },
      );
    },
  },
  Expand: { broadcasts: true, alone: always, write: ({ b, operands: [x], shape }) => broadcastTo(b, x!, shape) },
  Gather: {
    alone: ({ attrs }, [data, indices]) => (data ? attrs.axis > 0 && !indices : attrs.axis === 0),
    write: (site) => {
      const [data, indices] = site.varies;
      const { axis } = site.node.attrs;
      if (indices && (data || axis > 0)) throw new UnsupportedReading(site.node, "linear bound", "its indices vary");
      return emit(site, { axis: data ? axis + site.shift : axis });
    },
  },
};
