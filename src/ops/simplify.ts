/** @file The rewrite passes, run together to a fixed point. Dead code goes because nothing refers to it any more. */

import { makeConstant } from "../graph/builder.ts";
import { isBatched, sizeOf } from "../graph/dims.ts";
import { canonicalForm } from "../graph/passes/canonical.ts";
import { foldAffine } from "../graph/passes/fold-affine.ts";
import { nodesOf, rewriteGraph } from "../graph/traverse.ts";
import type { Builder, ConstantValue, Graph, NodeValue, Tensor, Value } from "../graph/types.ts";
import { builder, recordOf } from "./index.ts";
import { isConstant } from "./op.ts";
import { reemit } from "./rules.ts";

export interface SimplifyOptions {
  /** Also fold scales and shifts into weights: equal over the reals only. */
  readonly foldAffine?: boolean;
  /** Leave constants that the runtime would round otherwise to be computed by it: for float-sound bounds. */
  readonly keepRounding?: boolean;
}

/** Multiply-adds that constant folding may spend on one node in the reference evaluation: about a second. */
const FOLD_WORK = 3e8;
/** A folded constant may not be this many times larger than what it came from: Expand stays an op. */
const FOLD_GROWTH = 4;
const FOLD_SMALL = 4096;

/**
 * Constant folding, canonical forms, common subexpressions and dead code; equal results bit for bit
 * (but for constants, which are folded in float64 and rounded once).
 */
export function simplify(graph: Graph, options: SimplifyOptions = {}): Graph {
  let [before, current] = ["", graph];
  // a rewrite may leave another one open below it
  for (let round = 0; round < MAX_ROUNDS && before !== signature(current); round++) {
    before = signature(current);
    const b = builder();
    current = rewriteGraph(
      current,
      (node, inputs) => settle(b, node, inputs, options),
      (node, inputs) => reemit(b, node, inputs),
    );
  }
  return current;
}

const MAX_ROUNDS = 8;

/** Changes whenever a rewrite did: the ops in execution order. */
const signature = (graph: Graph): string =>
  nodesOf(graph)
    .map((node) => node.op)
    .join(" ");

/** Rewrites may enable each other: a node is done when none applies. */
const MAX_REWRITES = 32;

function settle(b: Builder, node: NodeValue, inputs: readonly Value[], options: SimplifyOptions): Value {
  const { foldAffine: affine = false, keepRounding = false } = options;
  let value: Value = reemit(b, node, inputs);
  for (let round = 0; round < MAX_REWRITES && value.kind === "node"; round++) {
    const next: Value | undefined =
      fold(value, keepRounding) ??
      canonicalForm(b, value, value.inputs) ??
      (affine ? foldAffine(b, value, value.inputs) : undefined);
    if (!next) break;
    value = next.kind === "node" ? settleInputs(b, next, options) : next;
  }
  return value;
}

/** A rewrite may have emitted constant arithmetic among the operands. */
function settleInputs(b: Builder, node: NodeValue, options: SimplifyOptions): Value {
  const inputs = node.inputs.map((input) =>
    input.kind === "node" && foldable(input) ? settle(b, input, input.inputs, options) : input,
  );
  return inputs.every((input, i) => input === node.inputs[i]) ? node : reemit(b, node, inputs);
}

const foldable = (node: NodeValue): boolean =>
  node.inputs.every((input) => isConstant(input) || (input.kind === "node" && foldable(input)));

function fold(node: NodeValue, keepRounding: boolean): ConstantValue | undefined {
  if (node.inputs.length === 0 || !node.inputs.every(isConstant)) return undefined;
  // a constant expanded to the batch is no constant: its size is not known
  if (isBatched(node.shape)) return undefined;
  const tensors = node.inputs.map((input) => (input as ConstantValue).tensor);
  const size = sizeOf(node.shape as number[]);
  const source = tensors.reduce((sum, tensor) => sum + tensor.data.length, 0);
  if (size > FOLD_SMALL && size > FOLD_GROWTH * source) return undefined;
  const { rounding } = recordOf(node.op);
  if (keepRounding && rounding.kind !== "exact") return undefined;
  const terms =
    rounding.kind === "sum" ? (rounding.terms as (i: unknown, a: unknown) => number)(node.inputs, node.attrs) : 1;
  if (size * terms > FOLD_WORK) return undefined;
  return makeConstant(evaluated(node, tensors), node.name);
}

/** Results of ops without attributes on one tensor, such as |W|: the graphs of a network's bounds share them as they share W. */
const known = new WeakMap<Tensor, Map<string, Tensor>>();

function evaluated(node: NodeValue, tensors: readonly Tensor[]): Tensor {
  const evaluate = recordOf(node.op).evaluate as (inputs: readonly Tensor[], attrs: unknown) => Tensor;
  const [source] = tensors as [Tensor];
  if (tensors.length > 1 || Object.keys(node.attrs).length > 0) return compact(evaluate(tensors, node.attrs));
  const results = known.get(source) ?? new Map<string, Tensor>();
  known.set(source, results);
  const result = results.get(node.op) ?? compact(evaluate(tensors, node.attrs));
  results.set(node.op, result);
  return result;
}

/** float32 where that loses nothing: weights are large. */
function compact(tensor: Tensor): Tensor {
  const { data } = tensor;
  if (!(data instanceof Float64Array)) return tensor;
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (Math.fround(value) !== value && !Number.isNaN(value)) return tensor;
  }
  return { ...tensor, data: Float32Array.from(data) };
}
