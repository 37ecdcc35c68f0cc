/** @file The bound graphs of the linear-relaxation verifiers: each is one composition of transforms. */

import { bindBatch } from "../../graph/bind.ts";
import { dependents, makeGraph, outputOf, pruneInputs, topological } from "../../graph/traverse.ts";
import type { Builder, Dim, Graph, InputValue, Value } from "../../graph/types.ts";
import { builder, recordOf } from "../../ops/index.ts";
import type { Interval, SlopeRule } from "../../ops/op.ts";
import { max } from "../../ops/rules.ts";
import { simplify } from "../../ops/simplify.ts";
import type { Arithmetic } from "../../spec/types.ts";
import { batchFirst } from "../../transforms/batch-first.ts";
import { interval } from "../../transforms/interval.ts";
import {
  type Boxes,
  backwardBoxes,
  bends,
  type Domains,
  domainBoxes,
  expandForRelax,
  kinksOf,
  linearBounds,
  type RelaxOptions,
  type Rows,
  reachable,
  relaxedOperands,
} from "../../transforms/relax/index.ts";
import type { Network } from "../network.ts";
import { inputSets, type SetNorms, SPEC } from "./input-set.ts";

export interface BoundOptions {
  readonly norm?: SetNorms;
  readonly arithmetic: Arithmetic;
  /** Activations' operands whose boxes were found otherwise and are fed, by their place in execution order. */
  readonly given?: readonly number[];
  /**
   * What a margin graph's symbolic size counts: images, each with all rows of the specification; or the rows of one
   * image, for networks of which one image with all its rows is too large. Default: images.
   */
  readonly many?: "images" | "rows";
}

/** Where the boxes of the activations' operands come from, and with which lower line. */
export interface Relaxation {
  readonly intermediate: "interval" | "backward";
  readonly slope: SlopeRule;
}

/** The names under which the k-th operand's box is fed or fetched. */
export const boxNames = (k: number) => ({ lower: `lower/${k}`, upper: `upper/${k}` });

/**
 * The network as the transforms want it: the batch along axis 0, ops without linear bounds written in others; for real arithmetic also with
 * normalisations folded into the weights (in floating point that would be another network).
 */
export function boundable(network: Network, arithmetic: Arithmetic): Network {
  const options = arithmetic === "real" ? { foldAffine: true } : { keepRounding: true };
  const plain = batchFirst(simplify(network.graph, options));
  const graph = simplify(expandForRelax(simplify(plain, options)), { ...options, foldAffine: false });
  return { ...network, graph, input: graph.inputs[0]!, logits: outputOf(graph) };
}

interface Setting {
  readonly network: Network;
  readonly inputs: readonly InputValue[];
  readonly domains: Domains;
  /** Boxes of the inputs and of the given operands. */
  readonly known: ReadonlyMap<Value, Interval>;
}

/** The network for one image; its one symbolic size is then free to count rows. */
export function oneImage(b: Builder, network: Network): Network {
  const graph = bindBatch(b, network.graph, 1);
  return { ...network, graph, input: graph.inputs[0]!, logits: outputOf(graph) };
}

function settingOf(b: Builder, whole: Network, options: BoundOptions): Setting {
  const { norm = "linf", arithmetic, given = [], many = "images" } = options;
  const boundableNetwork = boundable(whole, arithmetic);
  const network = many === "rows" ? oneImage(b, boundableNetwork) : boundableNetwork;
  const { inputs, domains } = inputSets(b, [network.input], norm);
  const known = domainBoxes(domains);
  const operands = relaxedOperands(network.logits, new Set([network.input]));
  const fed = given.flatMap((k) => {
    const names = boxNames(k);
    const box = { lower: b.input(names.lower, operands[k]!.shape), upper: b.input(names.upper, operands[k]!.shape) };
    known.set(operands[k]!, box);
    return [box.lower, box.upper];
  });
  return { network, inputs: [...inputs, ...fed], domains, known };
}

/** Inputs: the set and the specification [N, S, K], or [1, N, K] of one image. Output `margins`: lower bounds [N, S]. */
export function relaxedMarginGraph(whole: Network, options: BoundOptions, { intermediate, slope }: Relaxation): Graph {
  const b = builder();
  const { arithmetic } = options;
  const setting = settingOf(b, whole, options);
  const { network, domains } = setting;
  return marginGraph(b, setting, options, (rows) => {
    const boxes =
      intermediate === "backward"
        ? backwardBoxes(b, network.logits, domains, { slope, arithmetic })
        : ibpBoxes(b, setting, arithmetic);
    return marginBounds(b, network.logits, rows, domains, boxes, { slope, arithmetic });
  });
}

/**
 * Lower bounds of the rows by a backward pass. Where some activation bends everywhere, a line may be worse than its box:
 * there, the better of these bounds and of those by the boxes alone, as both are sound. On piecewise linear networks the
 * bounds stay those of the papers.
 */
export function marginBounds(
  b: Builder,
  target: Value,
  rows: Rows,
  domains: Domains,
  boxes: Boxes,
  options: RelaxOptions,
): Value {
  const { lower } = linearBounds(b, target, rows, domains, boxes, options);
  return bends(target, new Set(domains.keys()))
    ? max(b, lower, elidedBounds(b, target, rows, domains, boxes, options))
    : lower;
}

/** Lower bounds of the rows from the boxes of the last values that are not affine functions of others. */
function elidedBounds(
  b: Builder,
  target: Value,
  rows: Rows,
  domains: Domains,
  boxes: Boxes,
  { arithmetic }: RelaxOptions,
): Value {
  const frontier = new Map(
    lastBoxes(target, domains).map((value) => [value, domains.get(value) ?? { box: boxes.get(value)! }]),
  );
  return linearBounds(b, target, rows, frontier, boxes, { ...(arithmetic && { arithmetic }) }).lower;
}

/** Interval bound propagation with the specification merged into the last affine layers (elision). */
export function ibpMarginGraph(whole: Network, options: BoundOptions): Graph {
  const b = builder();
  const setting = settingOf(b, whole, options);
  const { network, domains } = setting;
  return marginGraph(b, setting, options, (rows) => {
    const boxes = ibpBoxes(b, setting, options.arithmetic);
    return elidedBounds(b, network.logits, rows, domains, boxes, { arithmetic: options.arithmetic });
  });
}

/** Outputs `lower/k` and `upper/k`: the interval boxes of the k-th operand of an activation, in execution order. */
export function relaxedOperandBoxes(whole: Network, options: BoundOptions): Graph {
  const b = builder();
  const setting = settingOf(b, whole, options);
  const boxes = ibpBoxes(b, setting, options.arithmetic);
  const { logits, input } = setting.network;
  const outputs = relaxedOperands(logits, new Set([input])).flatMap((operand, k) => {
    const [{ lower, upper }, names] = [boxes.get(operand)!, boxNames(k)];
    return [
      { name: names.lower, value: lower },
      { name: names.upper, value: upper },
    ];
  });
  return pruneInputs(simplify(makeGraph(setting.inputs, outputs)));
}

function marginGraph(
  b: Builder,
  { network, inputs }: Setting,
  { many = "images" }: BoundOptions,
  bound: (rows: Rows) => Value,
): Graph {
  const spec = b.input(SPEC, specShape(network, many));
  const value = bound({ kind: "spec", matrix: spec });
  return pruneInputs(simplify(makeGraph([...inputs, spec], [{ name: "margins", value }])));
}

export const specShape = (network: Network, many: "images" | "rows"): readonly Dim[] =>
  many === "rows" ? [1, "N", network.classes] : [network.input.shape[0]!, network.classes - 1, network.classes];

/**
 * Interval boxes; where the set is a ball, the first layer's by the dual norm (exact for one affine layer).
 * @source Gowal et al. 2018, arXiv:1810.12715; verification.md §1 for l1 and l2
 */
function ibpBoxes(b: Builder, { network, domains, known: given }: Setting, arithmetic: Arithmetic): Boxes {
  const known = new Map(given);
  if ([...domains.values()].some((domain) => domain.ball)) {
    const inputs = new Set(domains.keys());
    for (const operand of relaxedOperands(network.logits, inputs)) {
      if (known.has(operand) || relaxedOperands(operand, inputs).length > 0) continue;
      const boxes = interval(b, [operand], known, { arithmetic });
      const rows: Rows = { kind: "all" };
      const { lower, upper } = linearBounds(b, operand, rows, domains, boxes, { twoSided: true, arithmetic });
      const alone = kinksOf(operand, network.logits) !== undefined;
      known.set(operand, reachable(b, { lower, upper: upper! }, boxes.get(operand)!, alone));
    }
  }
  return interval(b, [network.logits], known, { arithmetic });
}

/** The values nearest to `target` that are not affine functions of others: results of activations, or the inputs. */
function lastBoxes(target: Value, domains: Domains): Value[] {
  const inputs = new Set(domains.keys());
  const varying = dependents([target], inputs);
  const found = new Set<Value>();
  const open = new Set<Value>([target]);
  // a set grows while it is iterated
  for (const value of open) {
    const operands = inputs.has(value) ? undefined : affineOperands(value, varying);
    if (!operands) found.add(value);
    else for (const operand of operands) open.add(operand);
  }
  return topological([target]).filter((value) => found.has(value));
}

/** The varying operands of an affine node; undefined for anything else. */
function affineOperands(value: Value, varying: ReadonlySet<Value>): readonly Value[] | undefined {
  if (value.kind !== "node") return undefined;
  const varies = value.inputs.map((input) => varying.has(input));
  return recordOf(value.op).linearity(varies) === "none" ? undefined : value.inputs.filter((_, i) => varies[i]);
}
