/** @file What attacks and proofs came to, input by input, as plain data. */

import { labelOf, namesToShow } from "../data/classes.ts";
import { endsOf } from "../data/dataset.ts";
import type { Attack } from "../methods/attack/types.ts";
import { statedSettings } from "../methods/method.ts";
import type { AttackRecord } from "../methods/records.ts";
import type { Verifier } from "../methods/verify/types.ts";
import type { Arithmetic, Threat } from "../spec/types.ts";
import type { BoxFacts } from "./boxes.ts";
import type { Examination } from "./examination.ts";
import { floats } from "./floats.ts";
import { type Inputs, inDataUnits } from "./inputs.ts";
import { contractFacts, dataFacts, modelFacts, type Provenance } from "./result-facts.ts";
import type { MethodRun, NamedResult, ResultFile, VerdictName } from "./result-schema.ts";
import type { Bisection } from "./sweep.ts";
import type { Witnesses, WitnessPlace } from "./witnesses.ts";

/** As methods count: classes by the model's outputs, witnesses in units of epsilon. */
export type InputResult = Omit<NamedResult, "output" | "predictedOutput">;

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

/** What a result says of a method that was run. */
export const methodRun = ({ id, version, ...run }: RunMethod): MethodRun => ({
  id,
  version,
  settings: statedSettings(run),
});

type RunMethod = Pick<Attack | Verifier, "id" | "version" | "settings" | "module">;

/** @param seconds of each result are of compute, on one core */
export function resultFile(
  { model, seed, inputs, labelled, notices, engine, place, limits }: Examination,
  run: {
    readonly provenance: Provenance | undefined;
    readonly methods: readonly RunMethod[];
    /** What was held against the methods. */
    readonly against?: readonly RunMethod[];
    readonly threat: Threat;
    readonly box: BoxFacts | undefined;
    /** Of proofs; `null` where none were tried. */
    readonly arithmetic: Arithmetic | null;
    readonly minimal?: Bisection | undefined;
    /** The label to reach. */
    readonly target?: number | undefined;
  },
  results: readonly InputResult[],
): ResultFile {
  const { threat, box } = run;
  const count = (verdict: VerdictName) => results.filter((result) => result.verdict === verdict).length;
  const reasons: Record<string, number> = {};
  for (const { reason } of results) if (reason !== undefined) reasons[reason] = (reasons[reason] ?? 0) + 1;
  return {
    schema: 1,
    tool: "assay",
    version: place.version,
    command: run.provenance?.command ?? null,
    environment: run.provenance?.environment ?? {},
    model: modelFacts(model),
    data: dataFacts({ inputs, labelled }, place.digest),
    contract: contractFacts(inputs),
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
    ...(run.minimal && { minimal: run.minimal }),
    target: run.target ?? null,
    limits,
    errors: engine.failures.map(({ what, message }) => `${what}: ${message}`),
    counts: {
      inputs: results.length,
      correct: results.length - count("misclassified"),
      certified: count("certified"),
      falsified: count("falsified"),
      unknown: count("unknown"),
      ...(run.arithmetic === "real" && { bounded: count("bounded") }),
      ...(run.target !== undefined && { alreadyThere: count("already-there") }),
    },
    reasons,
    results: results.map((result) => named(result, inputs)),
  };
}

function named(result: InputResult, inputs: Inputs): NamedResult {
  const { label, predicted, witness } = result;
  const { index, verdict, margin, seconds, reason, notANumber, zeroGradient, foundAt, bracket } = result;
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
    ...(foundAt !== undefined && { foundAt }),
    ...(bracket && { bracket }),
    ...(witness && {
      witness: inputs.factor && isValues(witness) ? floats(inDataUnits(inputs, Float32Array.from(witness))) : witness,
    }),
  };
}

const isValues = (witness: readonly number[] | WitnessPlace): witness is readonly number[] => Array.isArray(witness);

/** JSON has no infinities: a bound that says nothing is null. */
export const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
