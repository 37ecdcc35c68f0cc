/** @file The graphs of a bounder that goes layer by layer: one layer's boxes, some of its elements, or the rows. */

import { makeGraph, pruneInputs, topological } from "../../graph/traverse.ts";
import type { Builder, Graph, InputValue, NodeValue, Output, Value } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import type { SlopeRule } from "../../ops/op.ts";
import { simplify } from "../../ops/simplify.ts";
import type { Arithmetic } from "../../spec/types.ts";
import { gradient } from "../../transforms/gradient.ts";
import { interval } from "../../transforms/interval.ts";
import {
  type Boxes,
  backwardBoxes,
  coefficientsOf,
  type LinearForm,
  linearBounds,
  type RelaxOptions,
  type Rows,
} from "../../transforms/relax/index.ts";
import { type Boundable, boxNames, oneSample, relaxedNodes, type Setting, sampleSize, settingOf } from "./boundable.ts";
import { type SetNorms, SPEC } from "./input-set.ts";
import { backwardRows, elidedRows, intervalBoxes, type Relaxation } from "./row-bounds.ts";

export interface GraphOptions {
  readonly relaxation: Relaxation;
  readonly norm: SetNorms;
  readonly arithmetic: Arithmetic;
  /** Slopes are inputs, named by `alphaName`. */
  readonly alpha?: boolean;
  /** Put out the coefficients of the inputs beside the rows. */
  readonly candidates?: boolean;
}

/**
 * `interval`: the boxes of a layer, for a batch. `elements`: some of its elements, of one query. `rows`: the rows of the
 * specification, for a batch; `row by row`: some of them, of one query.
 */
export type StageKind = "interval" | "elements" | "rows" | "row by row";

/** Stages of one query, whose symbolic size counts rows. */
export const countsRows = (kind: StageKind): boolean => kind === "elements" || kind === "row by row";

/** A layer, or the specification with so many rows a query. */
export type StageTarget = { readonly layer: number } | { readonly rows: number };

export const alphaName = (node: number, side: "lower" | "upper"): string => `alpha/${node}/${side}`;
export const betaName = (layer: number): string => `beta/${layer}`;
/** The rows' bounds by their coefficients alone. */
export const LINEAR = "linear";
export const coefficientName = (input: number): string => `coefficients/${input}`;
export const watchedName = (node: number): string => `watched/${node}`;

/** The graph of one stage, from the boxes of the layers before it. */
export function stageGraph(whole: Boundable, options: GraphOptions, kind: StageKind, aim: StageTarget): Graph {
  const b = builder();
  const net = countsRows(kind) ? oneSample(b, whole) : whole;
  const target = "layer" in aim ? net.operands[aim.layer]! : net.target;
  const before = "layer" in aim ? aim.layer : net.operands.length;
  const setting = settingOf(b, net, options.norm, readsOf(net, before, target));
  const slopes = options.alpha ? alphaInputs(b, net) : undefined;
  const { outputs, extra } = stageOutputs(b, setting, target, options, kind, aim, slopes?.rule);
  const graph = makeGraph([...setting.inputs, ...extra, ...(slopes?.inputs ?? [])], outputs);
  return pruneInputs(simplify(graph));
}

/**
 * One row a query by the boxes of all layers, where the choices of lines and the multipliers of signs are inputs too; with
 * the derivatives of the rows by both, or (`float32` arithmetic has none that help) with the coefficients of the inputs
 * and of the results of what is relaxed.
 */
export function ascentGraph(net: Boundable, { norm, arithmetic }: GraphOptions, aim: "derivatives" | "coefficients") {
  const b = builder();
  const setting = settingOf(b, net, norm, readsOf(net, net.operands.length, net.target));
  const slopes = alphaInputs(b, net);
  const betas = net.operands.map((operand, k) => b.input(betaName(k), operand.shape));
  const multipliers = new Map(net.operands.map((operand, k): [Value, Value] => [operand, betas[k]!]));
  const spec = specInput(b, net, 1);
  const relaxed = relaxedNodes(net);
  const boxes = interval(b, [net.target], setting.known, { arithmetic });
  const options = { slope: slopes.rule, arithmetic, multipliers, watched: new Set<Value>(relaxed) };
  const { lower, form } = linearBounds(b, net.target, { kind: "spec", matrix: spec }, setting.domains, boxes, options);
  const outputs: Output[] = [{ name: "rows", value: lower }];
  if (aim === "coefficients") {
    outputs.push(...coefficientOutputs(b, net, form));
    for (const [k, node] of relaxed.entries()) {
      const value = coefficientsOf(b, form, node);
      if (value) outputs.push({ name: watchedName(k), value });
    }
  } else {
    const choices = [...slopes.inputs, ...betas];
    for (const [k, value] of gradient(b, lower, choices).entries())
      if (value) outputs.push({ name: `by/${choices[k]!.name}`, value });
  }
  return pruneInputs(simplify(makeGraph([...setting.inputs, spec, ...slopes.inputs, ...betas], outputs)));
}

const readsOf = ({ operands }: Boundable, before: number, target: Value): number[] => {
  const needed = new Set(topological([target]));
  return operands.flatMap((operand, i) => (i < before && needed.has(operand) ? [i] : []));
};

/** A choice of lines for every relaxed node; those that no line depends on are pruned. */
function alphaInputs(b: Builder, net: Boundable) {
  const inputs: InputValue[] = [];
  const rules = new Map(
    relaxedNodes(net).map((node, k): [NodeValue, SlopeRule] => {
      const [alpha, upper] = (["lower", "upper"] as const).map((side) => b.input(alphaName(k, side), node.shape));
      inputs.push(alpha!, upper!);
      return [node, { alpha: alpha!, upper: upper! }];
    }),
  );
  return { inputs, rule: (node: NodeValue): SlopeRule => rules.get(node)! };
}

function stageOutputs(
  b: Builder,
  setting: Setting,
  target: Value,
  { relaxation, arithmetic, candidates = false }: GraphOptions,
  kind: StageKind,
  aim: StageTarget,
  slope: RelaxOptions["slope"] = relaxation.slope,
): { readonly outputs: readonly Output[]; readonly extra: readonly InputValue[] } {
  const { net, domains, known } = setting;
  const boxes =
    relaxation.boxes === "interval"
      ? intervalBoxes(b, setting, target, arithmetic)
      : interval(b, [target], known, { arithmetic });
  if (kind === "interval") {
    const { lower, upper } = boxes.get(target)!;
    return { outputs: Object.entries({ lower, upper }).map(([name, value]) => ({ name, value })), extra: [] };
  }
  if (kind === "elements") {
    const [indices, signs] = [b.input("indices", ["N"], "int"), b.input("signs", ["N"])];
    const [channels, positions] = [b.input("channels", ["N"], "int"), b.input("positions", ["N"], "int")];
    const rows: Rows = { kind, indices, signs, channels, positions };
    const value = linearBounds(b, target, rows, domains, boxes, { slope, arithmetic }).lower;
    return { outputs: [{ name: "rows", value }], extra: [indices, signs, channels, positions] };
  }
  const spec = specInput(b, net, kind === "rows" && "rows" in aim ? aim.rows : undefined);
  const rows: Rows = { kind: "spec", matrix: spec };
  if (relaxation.rows === "interval") {
    const value = elidedRows(b, target, rows, domains, boxes, arithmetic);
    return { outputs: [{ name: "rows", value }], extra: [spec] };
  }
  const { lower, form } = backwardRows(b, target, rows, domains, boxes, { slope, arithmetic });
  const points = candidates ? coefficientOutputs(b, net, form) : [];
  return { outputs: [{ name: "rows", value: lower }, ...points], extra: [spec] };
}

/** The boxes of the layers, under the names by which they are fed. */
const boxOutputs = (net: Boundable, boxes: Boxes): Output[] =>
  net.operands.flatMap((operand, k) => {
    const { lower, upper } = boxes.get(operand)!;
    const names = boxNames(k);
    return [
      { name: names.lower, value: lower },
      { name: names.upper, value: upper },
    ];
  });

/** The coefficients of the inputs that rows read. */
const coefficientOutputs = (b: Builder, net: Boundable, form: LinearForm): Output[] =>
  net.inputs.flatMap((input, k) => {
    const value = coefficientsOf(b, form, input);
    return value ? [{ name: coefficientName(k), value }] : [];
  });

/** Rows [N, S, outputs] of a batch, or [1, N, outputs] of one query. */
export const specInput = (b: Builder, net: Boundable, rows: number | undefined): InputValue =>
  b.input(SPEC, [...(rows === undefined ? [1, "N" as const] : [net.target.shape[0]!, rows]), sampleSize(net.target)]);

/**
 * The whole method in one graph: sets and specification in, `rows` out. The symbolic size counts queries, or, where `rows`
 * are not stated, the rows of one.
 */
export function wholeGraph(
  whole: Boundable,
  { relaxation, norm, arithmetic, candidates = false }: GraphOptions,
  rows: number | undefined,
): Graph {
  const b = builder();
  const setting = settingOf(b, rows === undefined ? oneSample(b, whole) : whole, norm);
  const { net, domains } = setting;
  const spec = specInput(b, net, rows);
  const matrix: Rows = { kind: "spec", matrix: spec };
  const { slope } = relaxation;
  const boxes =
    relaxation.boxes === "backward"
      ? backwardBoxes(b, net.target, domains, { slope, arithmetic })
      : intervalBoxes(b, setting, net.target, arithmetic);
  if (relaxation.rows === "interval") {
    const value = elidedRows(b, net.target, matrix, domains, boxes, arithmetic);
    return pruneInputs(simplify(makeGraph([...setting.inputs, spec], [{ name: "rows", value }])));
  }
  const { lower: value, linear, form } = backwardRows(b, net.target, matrix, domains, boxes, { slope, arithmetic });
  const points = candidates ? [{ name: LINEAR, value: linear }, ...coefficientOutputs(b, net, form)] : [];
  const outputs = [{ name: "rows", value }, ...points, ...(candidates ? boxOutputs(net, boxes) : [])];
  return pruneInputs(simplify(makeGraph([...setting.inputs, spec], outputs)));
}
