import { type Proportion, proportion } from "../stats/proportion.ts";

export interface Confirmation {
  /**
   * `confirmed`: far better than chance, beyond doubt. `low`: better than chance, but nearer to it than to always right, so
   * that a wrong preprocessing may be the reason. `one-class`: the model answers every input alike. `at-chance`: not told
   * apart from always giving the commonest answer, so the contract is probably wrong and no claim may be made. `too-few`: so
   * few samples, or samples of so few classes, could not decide even if all were right.
   */
  readonly kind: "confirmed" | "low" | "one-class" | "at-chance" | "too-few";
  /** True unless `at-chance` or `one-class`. */
  readonly ok: boolean;
  readonly accuracy: Proportion;
  /** Of always giving the commonest label of the data; 1 / classes where the labels are not given. */
  readonly chance: number;
  /** Mean over the labels of the share that is right; undefined where the labels are not given. */
  readonly balanced?: number;
  /** Which labels are taken for which, most often first. */
  readonly confusions: readonly Confusion[];
  /** One line for people. */
  readonly message: string;
}

export interface Confusion {
  readonly label: number;
  readonly predicted: number;
  readonly count: number;
  /** Samples of the label. */
  readonly of: number;
}

/** Labels and answers, both as outputs of the model, one a sample. */
export interface Answers {
  readonly labels: ArrayLike<number>;
  readonly predicted: ArrayLike<number>;
}

/** Nearer to chance than to always right. */
const LOW = 0.5;
/** Inputs of other classes that must be there before one answer to all of them is a finding. */
const LEAST_OTHERS = 3;
const SHOWN_CONFUSIONS = 3;

/**
 * Decides by the clean accuracy whether model and data were put together rightly: it must exceed what always giving the
 * commonest answer would reach, by its exact lower bound or in a paired test.
 *
 * @param classes outputs of the model, at least 2
 * @param answers without them chance is 1 / classes, and nothing is said of single classes
 * @param say how an output is called
 * @throws RangeError for impossible counts
 */
export function confirmContract({
  correct,
  total,
  classes,
  confidence = 0.95,
  answers,
  say = (output) => `class ${output}`,
}: {
  readonly correct: number;
  readonly total: number;
  readonly classes: number;
  readonly confidence?: number;
  readonly answers?: Answers | undefined;
  readonly say?: (output: number) => string;
}): Confirmation {
  if (!Number.isInteger(classes) || classes < 2) {
    throw new RangeError(`a classifier has at least 2 classes, got ${classes}.`);
  }
  const accuracy = proportion(correct, total, confidence);
  const facts = answers && total > 0 ? classFacts(answers) : undefined;
  const chance = facts?.chance ?? 1 / classes;
  const kind = kindOf(accuracy, chance, facts, answers);
  const base = {
    kind,
    ok: kind !== "at-chance" && kind !== "one-class",
    accuracy,
    chance,
    ...(facts && { balanced: facts.balanced }),
    confusions: facts?.confusions ?? [],
  };
  const percent = (rate: number): string => `${(100 * rate).toFixed(1)}%`;
  const balanced = facts ? `; balanced accuracy ${percent(facts.balanced)}` : "";
  const counted = `${correct} of ${total} samples correct (${percent(confidence)} interval ${percent(accuracy.lower)} to ${percent(accuracy.upper)}; chance is ${percent(chance)}${balanced})`;
  return { ...base, message: messageOf(kind, counted, facts, say) };
}

interface ClassFacts {
  readonly chance: number;
  readonly commonest: number;
  readonly balanced: number;
  /** Labels that occur. */
  readonly labels: number;
  /** The answer to all samples, where it is the same one. */
  readonly only: number | undefined;
  /** Samples of other labels than `only`. */
  readonly others: number;
  readonly confusions: readonly Confusion[];
}

function classFacts({ labels, predicted }: Answers): ClassFacts {
  const rows = new Map<number, { total: number; right: number; taken: Map<number, number> }>();
  for (let i = 0; i < labels.length; i++) {
    const row = rows.get(labels[i]!) ?? { total: 0, right: 0, taken: new Map<number, number>() };
    rows.set(labels[i]!, row);
    row.total++;
    if (predicted[i] === labels[i]) row.right++;
    else row.taken.set(predicted[i]!, (row.taken.get(predicted[i]!) ?? 0) + 1);
  }
  const all = [...rows].sort(([a, x], [b, y]) => y.total - x.total || a - b);
  const [commonest, most] = all[0]!;
  const only = Array.from(predicted).every((answer) => answer === predicted[0]) ? predicted[0] : undefined;
  const confusions = all.flatMap(([label, { total, taken }]) =>
    [...taken].map(([answer, count]) => ({ label, predicted: answer, count, of: total })),
  );
  return {
    chance: most.total / labels.length,
    commonest,
    balanced: all.reduce((sum, [, { right, total }]) => sum + right / total, 0) / all.length,
    labels: all.length,
    only,
    others: labels.length - (rows.get(only ?? -1)?.total ?? 0),
    confusions: confusions.sort((a, b) => b.count - a.count || a.label - b.label || a.predicted - b.predicted),
  };
}

function kindOf(
  accuracy: Proportion,
  chance: number,
  facts: ClassFacts | undefined,
  answers: Answers | undefined,
): Confirmation["kind"] {
  const { trials, lower, estimate, confidence } = accuracy;
  if (facts?.labels === 1) return "too-few";
  if (facts?.only !== undefined && facts.others >= LEAST_OTHERS) return "one-class";
  const better = lower > chance || (facts !== undefined && beatsConstant(answers!, facts.commonest, confidence));
  if (better) return estimate - chance < LOW * (1 - chance) ? "low" : "confirmed";
  return proportion(trials, trials, confidence).lower <= chance ? "too-few" : "at-chance";
}

/** A paired test against always giving one answer: of the samples where just one of the two is right, it is mostly the model. */
function beatsConstant({ labels, predicted }: Answers, answer: number, confidence: number): boolean {
  let [gained, lost] = [0, 0];
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] === answer) lost += predicted[i] === answer ? 0 : 1;
    else if (predicted[i] === labels[i]) gained++;
  }
  return gained + lost > 0 && proportion(gained, gained + lost, confidence).lower > 0.5;
}

function messageOf(
  kind: Confirmation["kind"],
  counted: string,
  facts: ClassFacts | undefined,
  say: (output: number) => string,
): string {
  const shown = (facts?.confusions ?? [])
    .slice(0, SHOWN_CONFUSIONS)
    .map(({ label, predicted, count, of }) => `${say(label)} taken for ${say(predicted)} (${count} of ${of})`);
  const confused = shown.length === 0 ? "" : ` Most often: ${shown.join(", ")}.`;
  switch (kind) {
    case "confirmed":
      return `Preprocessing confirmed: ${counted}.`;
    case "low":
      return `Better than chance, but low: ${counted}.${confused} Preprocessing is not confirmed by that.`;
    case "one-class":
      return `One-class answers: every input is answered ${say(facts!.only!)}. ${counted}. Nothing is confirmed by that. Check layout, range, mean and std, and class order.`;
    case "too-few":
      return facts?.labels === 1
        ? `Preprocessing not confirmed: all inputs are of ${say(facts.commonest)}, which one answer to everything would get right, too: ${counted}.`
        : `Preprocessing not confirmed, too few samples: ${counted}.`;
    case "at-chance":
      return `Accuracy cannot be told from chance: ${counted}.${confused} Check layout, range, mean and std, and class order, or use more samples.`;
    default:
      throw new Error(`unreachable: ${kind satisfies never}`);
  }
}
