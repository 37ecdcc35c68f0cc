/** @file Linear bounds of a graph: which values need boxes, how they get them, and the bound of a target. */

import { dependents, rewriteGraph, topological } from "../../graph/traverse.ts";
import type { Builder, Graph, NodeValue, Value } from "../../graph/types.ts";
import { builder, recordOf } from "../../ops/index.ts";
import { type Interval, isUnsupported, type SlopeRule } from "../../ops/op.ts";
import { add, max, min, reemit } from "../../ops/rules.ts";
import type { Arithmetic } from "../../spec/types.ts";
import { interval } from "../interval.ts";
import { spoiled } from "../rounding.ts";
import { type BackwardOptions, backward, type LinearForm } from "./backward.ts";
import { asDense, type Rows } from "./coefficients.ts";
import { type Bounds, concretize, type Domain } from "./concretize.ts";

export type { LinearForm } from "./backward.ts";
export type { Rows } from "./coefficients.ts";
export type { Bounds, Domain } from "./concretize.ts";

export type Domains = ReadonlyMap<Value, Domain>;
export type Boxes = ReadonlyMap<Value, Interval>;

export interface RelaxOptions extends Pick<BackwardOptions, "multipliers" | "watched"> {
  /** The lower line of unstable units; one rule, or one a node. */
  readonly slope?: SlopeRule | ((node: NodeValue) => SlopeRule);
  readonly arithmetic?: Arithmetic;
}

/** Ops without linear bounds of their own are written in ops that have them (MaxPool, products of matrices, …). */
export function expandForRelax(graph: Graph): Graph {
  const b = builder();
  const varying = dependents(
    graph.outputs.map((output) => output.value),
    new Set(graph.inputs),
  );
  let expanded = 0;
  const expand = (node: NodeValue, inputs: readonly Value[]): Value | undefined => {
    const { expand: rule, relax, linearity } = recordOf(node.op);
    if (!rule || !isUnsupported(relax) || !varying.has(node)) return undefined;
    if (linearity(node.inputs.map((input) => varying.has(input))) !== "none") return undefined;
    expanded++;
    return (rule as (b: Builder, inputs: readonly Value[], attrs: unknown) => Value)(b, inputs, node.attrs);
  };
  const rewritten = rewriteGraph(graph, expand, (node, inputs) => reemit(b, node, inputs));
  // an expansion may contain another op that needs one (MaxPool → ReduceMax → …)
  return expanded > 0 ? expandForRelax(rewritten) : rewritten;
}

/**
 * The values whose boxes shape the lines of relaxed nodes that `target` needs, in execution order: their operands.
 *
 * An operand that only moves elements of others (a reshape, the windows of a pool) is exactly bounded by theirs, and the
 * result of a relaxed node by its own operand's box: neither is listed.
 */
export function relaxedOperands(target: Value, inputs: ReadonlySet<Value>): Value[] {
  const varying = dependents([target], inputs);
  const found = new Set<Value>();
  for (const node of topological([target])) {
    if (node.kind !== "node" || !varying.has(node) || linearityOf(node, varying) !== "none") continue;
    for (const input of node.inputs) for (const source of mixedSources(input, varying, inputs)) found.add(source);
  }
  return [...found];
}

const linearityOf = (node: NodeValue, varying: ReadonlySet<Value>) =>
  recordOf(node.op).linearity(node.inputs.map((input) => varying.has(input)));

/** Affine, and each element of the result is one element of an operand: exact in every arithmetic. */
const movesElements = (node: NodeValue, varying: ReadonlySet<Value>): boolean =>
  recordOf(node.op).rounding.kind === "exact" && linearityOf(node, varying) !== "none";

/** Where the elements of a value come from: the affine nodes that mixed them. */
function mixedSources(value: Value, varying: ReadonlySet<Value>, inputs: ReadonlySet<Value>): readonly Value[] {
  if (!varying.has(value) || inputs.has(value) || value.kind !== "node") return [];
  if (linearityOf(value, varying) === "none") return [];
  return movesElements(value, varying)
    ? value.inputs.flatMap((input) => mixedSources(input, varying, inputs))
    : [value];
}

/** The kinks of everything that relaxes `operand`, also moved about; undefined where some op bends everywhere. */
export function kinksOf(operand: Value, target: Value): readonly number[] | undefined {
  const varying = dependents([target], new Set([operand]));
  const carriers = new Set<Value>([operand]);
  const kinks = new Set<number>();
  for (const node of topological([target])) {
    if (node.kind !== "node" || !node.inputs.some((input) => carriers.has(input))) continue;
    const record = recordOf(node.op);
    if (record.linearity(node.inputs.map((input) => input.kind !== "constant")) !== "none") {
      if (movesElements(node, varying)) carriers.add(node);
      continue;
    }
    if (!record.kinks) return undefined;
    for (const kink of (record.kinks as (attrs: unknown) => readonly number[])(node.attrs)) kinks.add(kink);
  }
  return [...kinks];
}

/** Is some op on the way to `target` relaxed that is not piecewise linear in one operand? */
export function bends(target: Value, inputs: ReadonlySet<Value>): boolean {
  const varying = dependents([target], inputs);
  return topological([target]).some(
    (node) =>
      node.kind === "node" &&
      varying.has(node) &&
      !inputs.has(node) &&
      linearityOf(node, varying) === "none" &&
      !recordOf(node.op).kinks,
  );
}

/** Bounds of the rows of `target` by one backward pass, given boxes. */
export function linearBounds(
  b: Builder,
  target: Value,
  rows: Rows,
  domains: Domains,
  boxes: Boxes,
  options: RelaxOptions & { readonly twoSided?: boolean } = {},
): Bounds & { readonly form: LinearForm } {
  const { twoSided = false, slope = "adaptive", arithmetic = "float32", multipliers, watched } = options;
  const inputs = new Set(domains.keys());
  const rule = typeof slope === "function" ? slope : () => slope;
  const form = backward(b, target, inputs, {
    rows,
    twoSided,
    boxes,
    slope: rule,
    arithmetic,
    ...(multipliers && { multipliers }),
    ...(watched && { watched }),
  });
  return { ...concretize(b, form, domains, arithmetic), form };
}

/**
 * The coefficients of an input, or of a watched value, in every row, [n, S, …value] with n the batch or 1; undefined where
 * no row reads it.
 */
export function coefficientsOf(b: Builder, form: LinearForm, value: Value): Value | undefined {
  const own = form.coefficients.get(value) ?? form.passed.get(value);
  return own && asDense(b, own, value, form.context).value;
}

export const domainBoxes = (domains: Domains): Map<Value, Interval> =>
  new Map([...domains].map(([input, domain]) => [input, domain.box]));

/** Boxes of every value that `roots` need by interval propagation alone. */
export const intervalBoxes = (
  b: Builder,
  roots: readonly Value[],
  domains: Domains,
  { arithmetic = "float32" }: RelaxOptions = {},
): Boxes => interval(b, roots, domainBoxes(domains), { arithmetic });

/**
 * Is the box of `value` by interval propagation the one that a backward pass would find? So it is where at most one
 * op on the way mixes elements and none is relaxed, on a box.
 */
export function intervalIsExact(value: Value, domains: Domains): boolean {
  if ([...domains.values()].some((domain) => domain.ball)) return false;
  const varying = dependents([value], new Set(domains.keys()));
  let mixing = 0;
  for (const node of topological([value])) {
    if (node.kind !== "node" || !varying.has(node)) continue;
    const { linearity, rounding } = recordOf(node.op);
    if (linearity(node.inputs.map((input) => varying.has(input))) === "none") return false;
    if (rounding.kind === "sum") mixing++;
    if (node.inputs.filter((input) => varying.has(input)).length > 1) mixing += 2;
  }
  return mixing <= 1;
}

/**
 * Boxes where every relaxed operand is bounded backwards, layer after layer, in one graph: CROWN, Fast-Lin, DeepPoly.
 * @source verification.md §4.3
 */
export function backwardBoxes(b: Builder, target: Value, domains: Domains, options: RelaxOptions = {}): Boxes {
  const { arithmetic = "float32" } = options;
  const known = domainBoxes(domains);
  const bent = bends(target, new Set(domains.keys()));
  let boxes: Boxes = known;
  for (const operand of relaxedOperands(target, new Set(domains.keys()))) {
    boxes = interval(b, [operand], known, { arithmetic, marked: true });
    // a bool or an index has a box, but no linear bounds
    if (operand.dtype !== "float" || intervalIsExact(operand, domains)) known.set(operand, boxes.get(operand)!);
    else {
      const bounds = linearBounds(b, operand, { kind: "all" }, domains, boxes, { ...options, twoSided: true });
      const box = { lower: bounds.lower, upper: bounds.upper! };
      const alone = !bent && kinksOf(operand, target) !== undefined;
      known.set(operand, reachable(b, box, boxes.get(operand)!, alone));
    }
  }
  return interval(b, [target], known, { arithmetic });
}

/**
 * The box found backwards, `alone` as the papers have it where all is piecewise linear. Other ops bend, so that a line may
 * be worse than a box, or are defined on part of the line alone (√, ln, 1/x), which the interval knows and a line may leave:
 * there, both together. Of what the interval knows nothing, nothing is known.
 */
export function reachable(b: Builder, { lower, upper }: Interval, forward: Interval, alone: boolean): Interval {
  const spoils = spoiled(b, forward);
  if (alone) return { lower: add(b, lower, spoils), upper: add(b, upper, spoils) };
  return { lower: max(b, lower, add(b, forward.lower, spoils)), upper: min(b, upper, add(b, forward.upper, spoils)) };
}
