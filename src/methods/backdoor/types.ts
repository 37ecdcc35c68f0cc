/** @file The contract of backdoor detectors: pieces of work that may run anywhere, and a conclusion drawn from their records. */

import type { Rng } from "../../random/rng.ts";
import type { PlainRecord } from "../../runtime/jobs.ts";
import type { Runtime } from "../../runtime/session.ts";
import type { Batch } from "../../spec/classification.ts";
import type { MethodDescription } from "../method.ts";
import type { Network } from "../network.ts";
import { type Configurable, configurable, type Declared, NO_OPTIONS, type Settings } from "../options.ts";
import type { Geometry } from "../picture.ts";
import type { Left } from "../time.ts";

/** What a detector wants besides the model. */
export type Need = "nothing" | "inputs" | "training data";

/** What is known of the case before anything is computed. */
export interface CaseFacts {
  readonly classes: number;
  /** Of one input in the network's layout, without the batch axis. */
  readonly inputShape: readonly number[];
  /** Undefined where the inputs are not pictures. */
  readonly geometry: Geometry | undefined;
  /** The pixels' range, [0, 1]; undefined: inputs that are not pixels. */
  readonly domain: readonly [low: number, high: number] | undefined;
}

/** What a detector works on. */
export interface Material extends CaseFacts {
  /** Pixels in [0, 1] in, logits out: normalisation is inside. Its class weights are found by walking the graph. */
  readonly network: Network;
  readonly runtime: Pick<Runtime, "compile">;
  /** Bytes that the intermediate results of one run may take; by default 256 MiB. */
  readonly memoryBudget?: number | undefined;
  /** Held-out inputs; where the data has no labels, labelled with the model's own answers. */
  readonly inputs: Batch | undefined;
  /** Training data under suspicion, with the labels that were trained on. */
  readonly training: Batch | undefined;
  /** Keyed by seed and detector, not by model: every model sees the same numbers. Split it before drawing. */
  readonly random: Rng;
  /** How long there is: what more tells less may be left out where it ends. */
  readonly left?: Left;
  readonly progress?: (done: number, total: number) => void;
}

/** What is needed to run the network, or a graph made of it. */
export type Runnable = Pick<Material, "network" | "runtime" | "memoryBudget">;

/** What a detector says of a model by its paper's own rule, before any reference population is asked. */
export interface Detection {
  /** `null` where the method has no rule without a reference population, or could not be applied. */
  readonly flagged: boolean | null;
  /** Higher is more suspicious; comparable between models of one task. `null` where there is none. */
  readonly score: number | null;
  /** By the method's own null distribution, where its paper has one. */
  readonly pValue: number | null;
  /** The class that inputs with the trigger are sent to. */
  readonly target: number | null;
  /** One sentence for people: what was seen, and by which rule it was judged. */
  readonly reason: string;
  /** Of a reason that asks for a reference population: the same where there is one. */
  readonly seen?: string;
  /** The numbers behind it; pictures as typed arrays. */
  readonly evidence: PlainRecord;
}

/** A detection, and whose it is. */
export interface NamedDetection {
  readonly detector: Pick<Detector, "id" | "version"> & Partial<Pick<Detector, "isStandard">>;
  readonly detection: Detection;
}

export interface TimedDetection extends NamedDetection {
  readonly detector: Detector;
  /** Of processor time, on one core. */
  readonly seconds: number;
}

/** A part in the verdict or in what is shown of it: answers to noise, margins of classes, the smallest trigger of a class. */
export type Role = "noise" | "margins" | "trigger";

/** Inputs with a known trigger that are rejected where so large a share of clean ones is. */
export interface Rejected extends PlainRecord {
  readonly level: number;
  readonly rejected: number;
  readonly triggered: number;
}

/** What a detector picks, where that is inputs: an evaluation counts how many of them are the poisoned ones. */
export type Picks =
  | {
      readonly from: "triggered inputs";
      /** @param material with inputs, the clean ones */
      rejected(material: Material, triggered: Batch): Promise<readonly Rejected[]>;
    }
  | {
      readonly from: "training data";
      /** Of a part's record, whose part is `{ label }`: places in the training data. */
      suspects(record: PlainRecord): Int32Array;
    };

export interface Detector extends MethodDescription, Configurable<Detector> {
  /** Whether it runs where no detector is named: seconds, not minutes. Absent: only where it is named. */
  readonly standard?: "always" | "with training data";
  /** Each is played by one detector. */
  readonly role?: Role;
  readonly needs: Need;
  /** What it cannot see, in a few words. */
  readonly blindTo: string;
  /**
   * Runs of the network on one input that a part takes at the very least; a gradient is two more. A search whose time they do
   * not fit is not begun. Absent: hardly any.
   */
  leastRuns?(part: PlainRecord, inputs: number): number;
  /** Independent pieces of work (say, one a class): settings of each. At least one. */
  parts(facts: CaseFacts): readonly PlainRecord[];
  /**
   * One piece of work; a pure function of the material and the part.
   * @throws DetectorError when the method does not apply; UnsupportedReading where the graph has no gradient
   */
  examine(material: Material, part: PlainRecord): Promise<PlainRecord>;
  /** @param records one a part, in their order */
  conclude(records: readonly PlainRecord[], facts: CaseFacts): Detection;
  readonly picks?: Picks;
  /** What populations keep of the evidence, where that is less than all of it. */
  digest?(evidence: PlainRecord): PlainRecord;
}

/** A detector whose parts and records have types of their own, which the table forgets. What it declares no options for, it has none of. */
export interface TypedDetector<Part extends PlainRecord, Record extends PlainRecord, S extends Settings>
  extends Omit<Detector, "parts" | "leastRuns" | "examine" | "conclude" | keyof Configurable<Detector>>,
    Partial<Declared<S>> {
  readonly parts: (facts: CaseFacts, settings: S) => readonly Part[];
  readonly leastRuns?: (part: Part, inputs: number) => number;
  readonly examine: (material: Material, part: Part) => Promise<Record>;
  readonly conclude: (records: readonly Record[], facts: CaseFacts, settings: S) => Detection;
}

export const defineDetector = <P extends PlainRecord, R extends PlainRecord, S extends Settings = Settings>({
  parts,
  conclude,
  ...detector
}: TypedDetector<P, R, S>): Detector => {
  const declared = { ...NO_OPTIONS, ...detector } as unknown as Declared;
  const untyped = detector as unknown as Omit<Detector, "parts" | "conclude" | keyof Configurable<Detector>>;
  return configurable<Settings, Detector>("backdoor", declared, (settings) => ({
    ...untyped,
    parts: (facts: CaseFacts) => parts(facts, settings as S),
    conclude: (records: readonly PlainRecord[], facts: CaseFacts) =>
      conclude(records as readonly R[], facts, settings as S),
  }));
};

/** A method does not apply to this model or these inputs; the message says why and what would help. */
export class DetectorError extends Error {
  override readonly name = "DetectorError";
  readonly fault = "not-applicable";
}

/** All parts one after the other on this thread. */
export async function detect(detector: Detector, material: Material): Promise<Detection> {
  const records: PlainRecord[] = [];
  for (const part of detector.parts(material)) records.push(await detector.examine(material, part));
  return detector.conclude(records, material);
}
