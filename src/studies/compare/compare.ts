/** @file Two models on the same inputs, input by input: what the second has lost and gained. */

import { labelOf } from "../../data/classes.ts";
import { unsupportedInput } from "../../graph/fault.ts";
import type { Arithmetic } from "../../spec/types.ts";
import { exactEpsilonText } from "../../stats/epsilon-text.ts";
import { pairedDrop } from "../../stats/paired.ts";
import { proportion } from "../../stats/proportion.ts";
import type { Examination } from "../examination.ts";
import type { NamedResult, VerdictName } from "../result-schema.ts";
import type { ChangeOutcome, Comparison, RateChange, Side } from "./types.ts";

export interface InputAnswer {
  readonly index: number;
  /** `null` where the data has none. */
  readonly label: number | null;
  /** To the unchanged input. */
  readonly answer: number;
  readonly verdict?: VerdictName;
}

/** One model's answers, and what attacks and proofs came to where there were any. */
export interface Answers {
  readonly side: Side;
  /** The set in words, "linf 0.1"; undefined where nothing was attacked or proved. */
  readonly set: string | undefined;
  /** Whether proofs were tried that could say `certified`. */
  readonly proofs: boolean;
  /** SHA-256 of the inputs as they stand in the data, where it is known. */
  readonly inputs?: string | undefined;
  readonly results: readonly InputAnswer[];
}

/** @param allowed a drop up to this is none */
export const changeOutcome = (drop: number, least: number, allowed: number): ChangeOutcome =>
  least > allowed ? "regression" : drop > allowed ? "undecided" : "none";

const GRAVEST = ["regression", "undecided", "none"] as const satisfies readonly ChangeOutcome[];

export const gravest = (changes: readonly { readonly outcome: ChangeOutcome }[]): ChangeOutcome =>
  GRAVEST.find((outcome) => changes.some((change) => change.outcome === outcome)) ?? "none";

/** The file's answers to the unchanged inputs. */
export const answersOf = ({ model, inputs, chunk, labelled, predictions }: Examination): Answers => ({
  side: { path: model.path, sha256: model.sha256 },
  set: undefined,
  proofs: false,
  results: predictions.map(({ predicted }, i) => ({
    index: chunk.indices[i]!,
    label: labelled ? labelOf(inputs.naming, chunk.labels[i]!) : null,
    answer: labelOf(inputs.naming, predicted),
  })),
});

/** What is compared of what `certify` and `attack` write. */
export interface Results {
  readonly model: Side;
  readonly norm: string | null;
  readonly epsilon: number | null;
  readonly box?: { readonly name: string } | undefined;
  /** Left out by older versions. */
  readonly arithmetic?: Arithmetic | null | undefined;
  readonly data?: { readonly inputsSha256: string } | undefined;
  readonly results: readonly Pick<NamedResult, "index" | "label" | "predicted" | "verdict">[];
}

/** @param labelled false: labels are the model's own answers */
export const answersOfResults = (
  { model, norm, epsilon, box, arithmetic, data, results }: Results,
  labelled = true,
): Answers => ({
  side: { path: model.path, sha256: model.sha256 },
  set: box ? `the sets of ${box.name}` : `${norm} ${epsilon === null ? "" : exactEpsilonText(epsilon)}`,
  proofs: arithmetic === undefined ? results.some(({ verdict }) => verdict === "certified") : arithmetic === "float32",
  inputs: data?.inputsSha256,
  results: results.map(({ index, label, predicted, verdict }) => ({
    index,
    label: labelled ? label : null,
    // of a falsified input the file has the answer to the witness; it was right on the input itself
    answer: verdict === "falsified" ? label : predicted,
    verdict,
  })),
});

const isWrong = ({ verdict }: InputAnswer): boolean => verdict === "misclassified";
const isBroken = (one: InputAnswer): boolean => isWrong(one) || one.verdict === "falsified";

/** What counts as having an input right, by what is compared. */
const HOLDS = {
  accuracy: ({ label, answer }: InputAnswer) => answer === label,
  attacked: (one: InputAnswer) => !isBroken(one),
  proved: ({ verdict }: InputAnswer) => verdict === "certified",
} as const satisfies Record<RateChange["id"], (one: InputAnswer) => boolean>;

const WHAT = {
  accuracy: () => "accuracy on unchanged inputs",
  attacked: (set: string) => `not falsified within ${set}`,
  proved: (set: string) => `proved right within ${set}`,
} as const;

function rateChange(id: RateChange["id"], a: Answers, b: Answers, allowed: number): RateChange {
  const [held, holds] = [a.results.map(HOLDS[id]), b.results.map(HOLDS[id])];
  const trials = held.length;
  const count = (own: readonly boolean[]) => own.filter(Boolean).length;
  const lost = held.filter((one, i) => one && !holds[i]).length;
  const gained = held.filter((one, i) => !one && holds[i]).length;
  const { estimate: drop, least } = pairedDrop(lost, gained, trials);
  return {
    id,
    what: WHAT[id](a.set ?? ""),
    a: proportion(count(held), trials),
    b: proportion(count(holds), trials),
    drop,
    least,
    lost,
    gained,
    outcome: changeOutcome(drop, least, allowed),
  };
}

/**
 * @param allowed the drop of a rate up to which nothing is a regression, 0 to 1
 * @throws UserError (unsupported) where the two were not examined on the same inputs and sets
 */
export function compareAnswers(a: Answers, b: Answers, allowed = 0): Comparison {
  checkSame(a, b);
  const labelled = a.results.every(({ label }) => label !== null);
  const ids: readonly RateChange["id"][] = [
    ...(labelled ? (["accuracy"] as const) : []),
    ...(a.set === undefined ? [] : (["attacked"] as const)),
    // one of which no proof was tried has lost none
    ...(a.proofs && b.proofs ? (["proved"] as const) : []),
  ];
  const rates = ids.map((id) => rateChange(id, a, b, allowed));
  const changed = a.results.flatMap(({ index, label, answer }, i) => {
    const other = b.results[i]!.answer;
    return answer === other ? [] : [{ index, label, a: answer, b: other }];
  });
  const inputs = a.results.length;
  return {
    a: a.side,
    b: b.side,
    paired: true,
    inputs,
    allowed,
    agreement: proportion(inputs - changed.length, inputs),
    rates,
    states: [],
    changed,
    notes: notesOf(a, b, labelled),
    outcome: gravest(rates),
  };
}

/**
 * The same within every set that both were examined within; accuracy and answers are those of the first.
 * @throws UserError (unsupported) where there is none, and as `compareAnswers`
 */
export function compareEach(before: readonly Answers[], after: readonly Answers[], allowed = 0): Comparison {
  const pairs = before.flatMap((a) => {
    const b = after.find(({ set }) => set === a.set);
    return b ? [compareAnswers(a, b, allowed)] : [];
  });
  const [first, ...others] = pairs;
  const setsOf = (own: readonly Answers[]) => own.map(({ set }) => set).join(", ");
  if (!first)
    throw unsupportedInput(
      `${before[0]!.side.path} was examined within ${setsOf(before)}, ${after[0]!.side.path} within ${setsOf(after)}; examine both alike`,
    );
  const rates = [...first.rates, ...others.flatMap((one) => one.rates.filter(({ id }) => id !== "accuracy"))];
  const alone = [...before, ...after].filter(
    ({ set }) => !(before.some((own) => own.set === set) && after.some((own) => own.set === set)),
  );
  const notes = new Set(pairs.flatMap((one) => one.notes));
  for (const { side, set } of alone) notes.add(`Only ${side.path} was examined within ${set}: it is not compared.`);
  return { ...first, rates, notes: [...notes], outcome: gravest(rates) };
}

function notesOf(a: Answers, b: Answers, labelled: boolean): string[] {
  const bounded = [...a.results, ...b.results].some(({ verdict }) => verdict === "bounded");
  return [
    ...(labelled ? [] : ["The data has no labels: only the answers are compared."]),
    ...(a.proofs !== b.proofs ? ["Proofs were tried for one of the two alone and are not compared."] : []),
    ...(bounded ? ["Bounds in real arithmetic prove nothing and are not compared."] : []),
  ];
}

function checkSame(a: Answers, b: Answers): void {
  const [first, second] = [a.side.path, b.side.path];
  if (a.set !== b.set) {
    throw unsupportedInput(`${first} was examined within ${a.set}, ${second} within ${b.set}; examine both alike`);
  }
  if (a.inputs !== undefined && b.inputs !== undefined && a.inputs !== b.inputs) {
    throw unsupportedInput(
      `${first} and ${second} were examined on other inputs (their hashes differ); use the same data`,
    );
  }
  const at = a.results.findIndex(
    ({ index, label }, i) => b.results[i]?.index !== index || b.results[i]?.label !== label,
  );
  if (at >= 0 || a.results.length !== b.results.length) {
    throw unsupportedInput(
      `${first} and ${second} were not examined on the same inputs (${a.results.length} and ${b.results.length}, the first difference at ${Math.max(0, at)}); use the same data, --limit, --sample and --seed`,
    );
  }
}
