/** @file What an audit knows when it is over: all that a report is made of. */

import type { ClassNaming } from "../../data/classes.ts";
import type { InferredContract } from "../../data/contract.ts";
import { type Dataset, endsOf } from "../../data/dataset.ts";
import type { Notice } from "../../data/notice.ts";
import type { Graph } from "../../graph/types.ts";
import type { BackdoorResult } from "../../methods/audit/tampering.ts";
import type { PatchResult, RobustnessResult } from "../../methods/audit/types.ts";
import type { Geometry } from "../../methods/picture.ts";
import type { Chunk, Prediction } from "../../methods/records.ts";
import type { Gate } from "../../studies/audit/codes.ts";
import type { WaysTried } from "../../studies/hints.ts";
import type { AuditReport, Incident } from "../schema.ts";

/** What is known of the model file. */
export interface ModelFacts {
  readonly fileName: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly opset: number;
  readonly producer: string;
  readonly graph: Graph;
}

export interface AuditFacts {
  readonly tool: { readonly name: string; readonly version: string };
  readonly created: string;
  readonly seed: number;
  readonly command: string;
  readonly seconds: number;
  readonly model: ModelFacts;
  readonly dataset: Dataset;
  /** What one unit of epsilon is. */
  readonly unit: string;
  /** In the order of the network's input: what values of the data were multiplied by; undefined: 1, or pixels. */
  readonly factor: Float32Array | undefined;
  readonly naming: ClassNaming;
  /** What the clean answers say against relying on the other numbers. */
  readonly notices: readonly Notice[];
  /** Other usual ways to prepare the inputs, where they were tried. */
  readonly ways: WaysTried | undefined;
  readonly selection: string;
  readonly contract: InferredContract;
  readonly geometry: Geometry | undefined;
  readonly classes: number;
  /** With the model's own answers for labels where the data has none. */
  readonly chunk: Chunk;
  readonly labelled: boolean;
  readonly predictions: readonly Prediction[];
  readonly predictSeconds: number;
  readonly headlineEpsilon: number;
  readonly robustness: RobustnessResult;
  readonly patches: PatchResult | undefined;
  readonly backdoor: BackdoorResult | undefined;
  /** Why patches or backdoors were not examined, or not whole. */
  readonly unexamined: { readonly patches?: string | undefined; readonly backdoor?: string | undefined };
  readonly incidents: readonly Incident[];
  readonly arithmetic: "float32" | "real";
  /** Titles of methods that the calling program defines. */
  readonly own: readonly string[];
  readonly gate: Gate;
  readonly environment: AuditReport["environment"];
}

/** Of one input. */
export function pixelsOf({ images, labels }: Chunk, i: number): Float32Array {
  const size = images.length / labels.length;
  return images.slice(i * size, (i + 1) * size);
}

/** Positions of the inputs that the model gets right. */
export const correctOf = ({ predictions, chunk }: AuditFacts): number[] =>
  predictions.flatMap(({ predicted }, i) => (predicted === chunk.labels[i] ? [i] : []));

/** Whether inputs are rows of features. */
export const isTable = ({ dataset }: AuditFacts): boolean => dataset.shape.length === 1;

export const columnName = ({ dataset: { columns } }: AuditFacts, k: number): string =>
  columns?.[k] ?? `column ${k + 1}`;

/** A feature's value as it stands in the data. */
export function inDataUnits({ dataset, factor }: AuditFacts, value: number, k: number): number {
  const [low, high] = endsOf(dataset.range) ?? [0, 1];
  return factor ? value / factor[k]! : low + value * (high - low);
}
