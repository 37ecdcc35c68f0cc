/**
 * @file Channel Lipschitz constants: how much one unit of a layer can amplify its input. Backdoors are carried by units
 * that amplify far more than the others of their layer. Reads the weights alone: no data, nothing is run.
 */

import { dependents, topological } from "../../graph/traverse.ts";
import type { ConstantValue, NodeValue, Value } from "../../graph/types.ts";
import type { PlainRecord } from "../../runtime/jobs.ts";
import { symmetricEigen } from "../../stats/principal-axes.ts";
import { mean, std } from "../../stats/summary.ts";
import type { Network } from "../network.ts";
import { type CaseFacts, type Detection, DetectorError, defineDetector, type Material } from "./types.ts";

/** A unit is an outlier above mean + so many standard deviations of its layer. */
const SETTINGS = { outlierLimit: 3 };

/** One layer of units: convolution channels or dense neurons. */
export interface LayerLipschitz extends PlainRecord {
  /** As in the model file, or the op with its place. */
  readonly name: string;
  readonly op: string;
  /** One a unit; what follows by constant factors (batch normalisation) is folded in. */
  readonly constants: readonly number[];
}

type Users = ReadonlyMap<Value, readonly NodeValue[]>;

/**
 * Every convolution and dense layer with constant weights, but the last one: its units are the classes, which
 * `last-layer` compares.
 *
 * @source Zheng et al. 2022, arXiv:2208.03111: σ_max of the channel's kernel as [inputs, positions], times |γ|/√(variance)
 */
export function layersOf({ input, logits }: Network): LayerLipschitz[] {
  const varying = dependents([logits], new Set<Value>([input]));
  const users = new Map<Value, NodeValue[]>();
  const order = topological([logits]).filter(
    (value): value is NodeValue => value.kind === "node" && varying.has(value),
  );
  for (const node of order)
    for (const operand of new Set(node.inputs)) users.set(operand, [...(users.get(operand) ?? []), node]);
  const last = order.findLast(({ op }) => op === "MatMul" || op === "Conv");
  return order.flatMap((node, place) => {
    const [from, weight] = node.inputs;
    if (node === last || weight?.kind !== "constant" || !varying.has(from!)) return [];
    const plain = unitConstants(node, weight);
    if (!plain) return [];
    const factors = factorsBehind(node, varying, users, plain.length);
    const constants = plain.map((value, k) => value * factors[k]!);
    return [{ name: node.name ?? `${node.op.toLowerCase()}_${place}`, op: node.op, constants }];
  });
}

/** Undefined for ops that have no units. */
function unitConstants(node: NodeValue, { tensor: { shape, data } }: ConstantValue): number[] | undefined {
  if (node.op === "Conv") {
    const [channels, inputs, ...kernel] = shape as [number, number, ...number[]];
    const positions = kernel.reduce((product, size) => product * size, 1);
    const each = inputs * positions;
    return Array.from({ length: channels }, (_, c) =>
      largestSingularValue(data.subarray(c * each, (c + 1) * each), inputs, positions),
    );
  }
  if (node.op !== "MatMul" || shape.length !== 2) return undefined;
  const [inputs, units] = shape as [number, number];
  const squares = new Array<number>(units).fill(0);
  for (let i = 0; i < inputs; i++) for (let k = 0; k < units; k++) squares[k]! += data[i * units + k]! ** 2;
  return squares.map(Math.sqrt);
}

/** Of a row-major matrix, by the eigenvalues of its Gram matrix on the smaller side. */
export function largestSingularValue(values: ArrayLike<number>, rows: number, columns: number): number {
  const small = Math.min(rows, columns);
  const long = Math.max(rows, columns);
  const at = (s: number, l: number) => values[rows <= columns ? s * columns + l : l * columns + s]!;
  const gram = new Float64Array(small * small);
  for (let p = 0; p < small; p++) {
    for (let q = p; q < small; q++) {
      let sum = 0;
      for (let l = 0; l < long; l++) sum += at(p, l) * at(q, l);
      gram[p * small + q] = sum;
      gram[q * small + p] = sum;
    }
  }
  const { values: squares } = symmetricEigen({ rows: small, columns: small, values: gram });
  return Math.sqrt(Math.max(0, squares[0]!));
}

/** |product| of the constant factors by which each unit is multiplied before anything but a shift happens to it. */
function factorsBehind(layer: NodeValue, varying: ReadonlySet<Value>, users: Users, units: number): number[] {
  const factors = new Array<number>(units).fill(1);
  for (let value = layer; ; ) {
    const [next, ...more] = users.get(value) ?? [];
    const other = next?.inputs.find((operand) => operand !== value);
    if (!next || more.length > 0 || !other || varying.has(other)) return factors;
    if (next.op === "Mul" || (next.op === "Div" && next.inputs[0] === value)) {
      const by = perUnit(other, units, layer.shape.length);
      if (!by) return factors;
      for (let k = 0; k < units; k++) factors[k]! *= next.op === "Mul" ? Math.abs(by[k]!) : 1 / Math.abs(by[k]!);
    } else if (next.op !== "Add" && next.op !== "Sub") return factors;
    value = next;
  }
}

/** A constant that meets [N, units, …] of this rank as one number a unit; undefined where it is something else. */
function perUnit(value: Value, units: number, rank: number): number[] | undefined {
  if (value.kind !== "constant") return undefined;
  const { shape, data } = value.tensor;
  if (data.length === 1) return new Array<number>(units).fill(data[0]!);
  return data.length === units && shape[shape.length - rank + 1] === units ? Array.from(data) : undefined;
}

export interface ChannelRecord extends PlainRecord {
  readonly layers: readonly LayerLipschitz[];
}

async function examine({ network }: Material): Promise<ChannelRecord> {
  const layers = layersOf(network);
  if (layers.length === 0)
    throw new DetectorError(
      "the network has no convolution or dense layer with constant weights before its last one, so there are no channels to compare",
    );
  return { layers };
}

/** Units that differ by less than this share of their mean are equal but for rounding: an average pool's channels. */
const RESOLUTION = 1e-5;

/** (L − mean) / std of each unit within its layer; zeros where the units are equal. */
export function layerScores({ constants }: LayerLipschitz): number[] {
  const [centre, spread] = [mean(constants), std(constants)];
  return constants.map((value) => (spread > RESOLUTION * centre ? (value - centre) / spread : 0));
}

function conclude([record]: readonly ChannelRecord[], _: CaseFacts, { outlierLimit }: typeof SETTINGS): Detection {
  const units = record!.layers.flatMap((layer) =>
    layerScores(layer).map((z, unit) => ({ layer: layer.name, unit, constant: layer.constants[unit]!, z })),
  );
  const furthest = units.reduce((best, one) => (one.z > best.z ? one : best));
  const outliers = units.filter(({ z }) => z > outlierLimit).sort((p, q) => q.z - p.z);
  const count = outliers.length === 1 ? "1 unit amplifies its" : `${outliers.length} units amplify their`;
  return {
    flagged: null,
    score: furthest.z,
    pValue: null,
    target: null,
    reason:
      `${count} input more than ${outlierLimit} standard deviations above its layer's mean; the furthest, unit ` +
      `${furthest.unit} of ${furthest.layer}, ${furthest.z.toFixed(2)}; the paper prunes such units and has no rule for models`,
    evidence: {
      limit: outlierLimit,
      outliers,
      layers: record!.layers.map((layer) => ({
        name: layer.name,
        op: layer.op,
        units: layer.constants.length,
        mean: mean(layer.constants),
        std: layer.constants.length > 1 ? std(layer.constants) : 0,
        largest: Math.max(...layer.constants),
        score: Math.max(...layerScores(layer)),
      })),
    },
  };
}

/** @source Zheng et al. 2022, ECCV, arXiv:2208.03111 */
export const clp = defineDetector<PlainRecord, ChannelRecord, typeof SETTINGS>({
  id: "clp",
  version: 1,
  standard: "always",
  title: "Channel Lipschitz constants (CLP)",
  summary: "Looks in the weights for units that amplify far more than the others of their layer. Instant.",
  source: "Zheng et al. 2022, ECCV, arXiv:2208.03111",
  settings: SETTINGS,
  options: (z) => ({
    outlierLimit: z
      .number()
      .positive()
      .describe("standard deviations above its layer's mean from which a unit is an outlier"),
  }),
  needs: "nothing",
  blindTo: "backdoors that are spread over many units; it names no class",
  parts: () => [{}],
  examine,
  conclude,
});
