/** @file The bound graphs of the linear-relaxation verifiers: each is one composition of transforms. */

import { dependents, makeGraph, topological } from "../../graph/traverse.ts";
import type { Builder, Graph, Value } from "../../graph/types.ts";
import { builder, recordOf } from "../../ops/index.ts";
import type { SlopeRule } from "../../ops/op.ts";
import { simplify } from "../../ops/simplify.ts";
import { type Arithmetic, interval } from "../../transforms/interval.ts";
import {
  type Boxes,
  backwardBoxes,
  type Domains,
  domainBoxes,
  linearBounds,
  type Rows,
  relaxedOperands,
} from "../../transforms/relax/index.ts";
import type { Network } from "../network.ts";
import type { Threat } from "../problem.ts";
import { inputSet, SPEC } from "./input-set.ts";

export interface BoundOptions {
  readonly threat: Threat;
  readonly arithmetic: Arithmetic;
}

/** Where the boxes of the activations' operands come from, and with which lower line. */
export interface Relaxation {
  readonly intermediate: "interval" | "backward";
  readonly slope: SlopeRule;
}

/** Inputs: the set and the specification [N, S, K]. Output `margins`: lower bounds [N, S]. */
export function relaxedMarginGraph(
  network: Network,
  { threat, arithmetic }: BoundOptions,
  { intermediate, slope }: Relaxation,
): Graph {
  const b = builder();
  const { inputs, domains } = inputSet(b, network, threat);
  return marginGraph(b, network, inputs, (rows) => {
    const boxes =
      intermediate === "backward"
        ? backwardBoxes(b, network.logits, domains, { slope, arithmetic })
        : ibpBoxes(b, network.logits, domains, arithmetic);
    return linearBounds(b, network.logits, rows, domains, boxes, { slope, arithmetic }).lower;
  });
}

/** Interval bound propagation with the specification merged into the last affine layers (elision). */
export function ibpMarginGraph(network: Network, { threat, arithmetic }: BoundOptions): Graph {
  const b = builder();
  const { inputs, domains } = inputSet(b, network, threat);
  return marginGraph(b, network, inputs, (rows) => {
    const boxes = ibpBoxes(b, network.logits, domains, arithmetic);
    const frontier = new Map(
      lastBoxes(network.logits, domains).map((value) => [value, domains.get(value) ?? { box: boxes.get(value)! }]),
    );
    return linearBounds(b, network.logits, rows, frontier, boxes, { arithmetic }).lower;
  });
}

function marginGraph(b: Builder, network: Network, inputs: Graph["inputs"], bound: (rows: Rows) => Value): Graph {
  const spec = b.input(SPEC, [network.input.shape[0]!, network.classes - 1, network.classes]);
  const value = bound({ kind: "spec", matrix: spec });
  return simplify(makeGraph([...inputs, spec], [{ name: "margins", value }]));
}

/**
 * Interval boxes; where the set is a ball, the first layer's by the dual norm (exact for one affine layer).
 * @source Gowal et al. 2018, arXiv:1810.12715; verification.md §1 for l1 and l2
 */
export function ibpBoxes(b: Builder, target: Value, domains: Domains, arithmetic: Arithmetic): Boxes {
  const known = domainBoxes(domains);
  if ([...domains.values()].some((domain) => domain.ball)) {
    const inputs = new Set(domains.keys());
    for (const operand of relaxedOperands(target, inputs)) {
      if (relaxedOperands(operand, inputs).length > 0) continue;
      const boxes = interval(b, [operand], known, { arithmetic });
      const { lower, upper } = linearBounds(b, operand, { kind: "all" }, domains, boxes, {
        twoSided: true,
        arithmetic,
      });
      known.set(operand, { lower, upper: upper! });
    }
  }
  return interval(b, [target], known, { arithmetic });
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
