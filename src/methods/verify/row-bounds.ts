/** @file Lower bounds of rows as graphs: each verifier is one composition of transforms. */

import { dependents, topological } from "../../graph/traverse.ts";
import type { Builder, Value } from "../../graph/types.ts";
import { recordOf } from "../../ops/index.ts";
import type { SlopeRule } from "../../ops/op.ts";
import { max } from "../../ops/rules.ts";
import type { Arithmetic } from "../../spec/types.ts";
import { interval } from "../../transforms/interval.ts";
import {
  type Boxes,
  bends,
  type Domains,
  kinksOf,
  linearBounds,
  type RelaxOptions,
  type Rows,
  reachable,
  relaxedOperands,
} from "../../transforms/relax/index.ts";
import type { Setting } from "./boundable.ts";

/** What a method is: where the boxes of the layers come from, and how rows are bounded by them. */
export interface Relaxation {
  readonly boxes: "interval" | "backward";
  /** By the boxes of the last activations alone, or by a backward pass to the inputs. */
  readonly rows: "interval" | "backward";
  /** The lower line of what is relaxed. */
  readonly slope: SlopeRule & string;
}

/**
 * Lower bounds of the rows by a backward pass. Where some activation bends everywhere, a line may be worse than its box:
 * there, the better of these bounds and of those by the boxes alone, as both are sound. On piecewise linear networks the
 * bounds stay those of the papers.
 */
export function backwardRows(
  b: Builder,
  target: Value,
  rows: Rows,
  domains: Domains,
  boxes: Boxes,
  options: RelaxOptions,
): ReturnType<typeof linearBounds> & { readonly linear: Value } {
  const bounds = linearBounds(b, target, rows, domains, boxes, options);
  const { lower: linear } = bounds;
  if (!bends(target, new Set(domains.keys()))) return { ...bounds, linear };
  const { arithmetic = "float32" } = options;
  return { ...bounds, linear, lower: max(b, linear, elidedRows(b, target, rows, domains, boxes, arithmetic)) };
}

/**
 * Lower bounds of the rows from the boxes of the last values that are not affine functions of others: interval bound
 * propagation with the specification merged into the last affine layers (elision).
 */
export function elidedRows(
  b: Builder,
  target: Value,
  rows: Rows,
  domains: Domains,
  boxes: Boxes,
  arithmetic: Arithmetic,
): Value {
  const frontier = new Map(
    lastBoxes(target, domains).map((value) => [value, domains.get(value) ?? { box: boxes.get(value)! }]),
  );
  return linearBounds(b, target, rows, frontier, boxes, { arithmetic }).lower;
}

/**
 * Interval boxes of all that `target` needs; where the set is a ball, the first layer's by the dual norm (exact for one
 * affine layer).
 * @source Gowal et al. 2018, arXiv:1810.12715; verification.md §1 for l1 and l2
 */
export function intervalBoxes(
  b: Builder,
  { net, domains, known: given }: Setting,
  target: Value,
  arithmetic: Arithmetic,
): Boxes {
  const known = new Map(given);
  if ([...domains.values()].some((domain) => domain.ball)) {
    const inputs = new Set(domains.keys());
    for (const operand of relaxedOperands(target, inputs)) {
      if (!known.has(operand) && relaxedOperands(operand, inputs).length === 0)
        known.set(operand, dualNormBox(b, operand, net.target, known, domains, arithmetic));
    }
  }
  return interval(b, [target], known, { arithmetic });
}

/** The box of an affine function of the inputs. */
function dualNormBox(
  b: Builder,
  operand: Value,
  output: Value,
  known: Boxes,
  domains: Domains,
  arithmetic: Arithmetic,
) {
  const boxes = interval(b, [operand], known, { arithmetic });
  const { lower, upper } = linearBounds(b, operand, { kind: "all" }, domains, boxes, { twoSided: true, arithmetic });
  const alone = kinksOf(operand, output) !== undefined;
  return reachable(b, { lower, upper: upper! }, boxes.get(operand)!, alone);
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
