/** @file What attacks and proofs came to, input by input, as plain data. */

import { labelOf, namesToShow } from "../data/classes.ts";
import { endsOf } from "../data/dataset.ts";
import type { Bound } from "../formats/onnx/bind.ts";
import type { Settings } from "../methods/options.ts";
import type { AttackRecord } from "../methods/records.ts";
import type { Arithmetic, Norm, Threat } from "../spec/types.ts";
import type { UnknownReason } from "../spec/verdict.ts";
import type { BoxFacts } from "./boxes.ts";
import type { Examination } from "./examination.ts";
import { floats } from "./floats.ts";
import { type Inputs, inDataUnits } from "./inputs.ts";
import type { Witnesses, WitnessPlace } from "./witnesses.ts";

/**
 * `certified` is said of proofs that cover float32 rounding alone; a bound in real arithmetic proves nothing of the network
 * as it runs, and is `bounded`. `already-there`: of a targeted attack, inputs of the target's class.
 */
export type VerdictName = "certified" | "bounded" | "falsified" | "unknown" | "misclassified" | "already-there";

/** Why an input is unknown; an attack that did not succeed leaves it `not-broken`. */
export type ResultReason = UnknownReason | "not-broken";

/** As methods count: classes by the model's outputs, witnesses in units of epsilon. */
export interface InputResult {
  /** Place in the data set. */
  readonly index: number;
  readonly label: number;
  /** The model's answer to the input; for a falsified one, its answer to the witness. */
  readonly predicted: number;
  readonly verdict: VerdictName;
  /** Certified or unknown after a proof was tried: the proved lower bound. Otherwise at the worst point seen. */
  readonly margin: number | null;
  readonly seconds: number;
  /** Of unknown ones. */
  readonly reason?: ResultReason;
  /** The model file's answer to the witness holds what is no number: a wrong answer, without a margin. */
  readonly notANumber?: true;
  /** The attack's gradient was exactly 0 wherever it looked; it went on without. */
  readonly zeroGradient?: true;
  /** Pixels, or what else epsilon counts in; float32. Where they are many, where in which file. */
  readonly witness?: readonly number[] | WitnessPlace;
}

/** An input of a study, before it has a verdict. */
export type Asked = Pick<InputResult, "index" | "label" | "predicted"> & {
  /** Place among the inputs of the study. */
  readonly position: number;
  /** Of the clean answer. */
  readonly clean: number | null;
};

/** @param resultOf of the inputs that the model gets right */
export const resultsOf = (
  { chunk, predictions }: Pick<Examination, "chunk" | "predictions">,
  resultOf: (asked: Asked) => Outcome,
): InputResult[] =>
  predictions.map(({ predicted, margin }, position) => {
    const given = { index: chunk.indices[position]!, label: chunk.labels[position]!, predicted };
    const clean = finite(margin);
    if (predicted !== given.label) return { ...given, verdict: "misclassified", margin: clean, seconds: 0 };
    return { ...given, ...resultOf({ ...given, position, clean }) };
  });

/** What a study finds of an input; `predicted` where it is no longer the clean answer. */
export type Outcome = Omit<InputResult, "index" | "label" | "predicted"> & Partial<Pick<InputResult, "predicted">>;

/** An input with a witness. */
export function falsified(
  { index, label }: Asked,
  record: AttackRecord,
  seconds: number,
  witnesses: Witnesses,
): Outcome {
  const witness = witnesses.of(index, record.witness, label);
  const margin = finite(record.margin);
  const { predicted } = record;
  return { predicted, verdict: "falsified", margin, seconds, ...remarksOf(record), ...(witness && { witness }) };
}

/** What an attack's record says beside its outcome. */
export const remarksOf = ({
  notANumber,
  zeroGradient,
}: AttackRecord): Pick<InputResult, "notANumber" | "zeroGradient"> => ({
  ...(notANumber && { notANumber }),
  ...(zeroGradient && { zeroGradient }),
});

/** As the data counts: classes by its labels, witnesses of tables in its own units. */
export interface NamedResult extends InputResult {
  /** The model's output that stands for the label. */
  readonly output: number;
  readonly predictedOutput: number;
}

/** How many inputs of each verdict; the last four make up those that are classified correctly. */
export interface VerdictCounts {
  readonly inputs: number;
  readonly correct: number;
  /** Proved, rounding included. */
  readonly certified: number;
  readonly falsified: number;
  readonly unknown: number;
  /** In real arithmetic only. */
  readonly bounded?: number | undefined;
}

export interface MethodRun {
  readonly id: string;
  readonly version: number;
  /** Beside the set and the seed. */
  readonly settings: Settings;
}

/** What a result says of a method that was run. */
export const methodRun = ({ id, version, settings }: MethodRun): MethodRun => ({ id, version, settings });

export interface ResultFile {
  readonly tool: string;
  readonly version: string;
  /** `bound`: the values that its other inputs were given. */
  readonly model: { readonly path: string; readonly sha256: string; readonly bound?: Bound };
  readonly method: string;
  /** Each with all that it was run with. */
  readonly methods: readonly MethodRun[];
  /** Norm and epsilon are null where the sets were given as boxes. */
  readonly norm: Norm | null;
  readonly epsilon: number | null;
  /** What one unit of epsilon is, or which file gave the sets. */
  readonly unit: string;
  readonly box?: BoxFacts;
  /** What black and white are in the data; null for values without a range. */
  readonly range: readonly [black: number, white: number] | null;
  /** How each output is called; empty where outputs, labels and names are the same. */
  readonly classes: readonly string[];
  /** What the clean answers say against relying on the numbers. */
  readonly notices: readonly string[];
  readonly seed: number;
  /** Of proofs; `null` where none were tried. */
  readonly arithmetic: Arithmetic | null;
  /** Errors of this program on the way; what they concern is unknown. */
  readonly errors: readonly string[];
  readonly counts: VerdictCounts & {
    /** Of a targeted attack only. */
    readonly alreadyThere?: number;
  };
  /** How many are unknown for which reason. */
  readonly reasons: Readonly<Record<string, number>>;
  readonly results: readonly NamedResult[];
}

/** @param seconds of each result are of compute, on one core */
export function resultFile(
  { model, seed, inputs, notices, engine, place }: Examination,
  run: {
    readonly methods: readonly MethodRun[];
    /** What was held against the methods. */
    readonly against?: readonly MethodRun[];
    readonly threat: Threat;
    readonly box: BoxFacts | undefined;
    /** Of proofs; `null` where none were tried. */
    readonly arithmetic: Arithmetic | null;
    readonly targeted?: boolean;
  },
  results: readonly InputResult[],
): ResultFile {
  const { threat, box } = run;
  const count = (verdict: VerdictName) => results.filter((result) => result.verdict === verdict).length;
  const reasons: Record<string, number> = {};
  for (const { reason } of results) if (reason !== undefined) reasons[reason] = (reasons[reason] ?? 0) + 1;
  return {
    tool: "assay",
    version: place.version,
    model: { path: model.path, sha256: model.sha256, ...(model.choice.bound && { bound: model.choice.bound }) },
    method: run.methods.map(({ id }) => id).join("+"),
    methods: [...run.methods, ...(run.against ?? [])].map(methodRun),
    norm: box ? null : threat.norm,
    epsilon: box ? null : threat.epsilon,
    unit: box ? `given by ${box.name}` : inputs.unit.text,
    ...(box && { box }),
    range: endsOf(inputs.dataset.range) ?? null,
    classes: namesToShow(inputs.naming),
    notices: notices.map(({ sentence }) => sentence),
    seed,
    arithmetic: run.arithmetic,
    errors: engine.failures.map(({ what, message }) => `${what}: ${message}`),
    counts: {
      inputs: results.length,
      correct: results.length - count("misclassified"),
      certified: count("certified"),
      falsified: count("falsified"),
      unknown: count("unknown"),
      ...(run.arithmetic === "real" && { bounded: count("bounded") }),
      ...(run.targeted && { alreadyThere: count("already-there") }),
    },
    reasons,
    results: results.map((result) => named(result, inputs)),
  };
}

function named(result: InputResult, inputs: Inputs): NamedResult {
  const { label, predicted, witness } = result;
  const { index, verdict, margin, seconds, reason, notANumber, zeroGradient } = result;
  return {
    index,
    label: labelOf(inputs.naming, label),
    output: label,
    predicted: labelOf(inputs.naming, predicted),
    predictedOutput: predicted,
    verdict,
    margin,
    seconds,
    ...(reason !== undefined && { reason }),
    ...(notANumber && { notANumber }),
    ...(zeroGradient && { zeroGradient }),
    ...(witness && {
      witness: inputs.factor && isValues(witness) ? floats(inDataUnits(inputs, Float32Array.from(witness))) : witness,
    }),
  };
}

const isValues = (witness: readonly number[] | WitnessPlace): witness is readonly number[] => Array.isArray(witness);

/** JSON has no infinities: a bound that says nothing is null. */
export const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
