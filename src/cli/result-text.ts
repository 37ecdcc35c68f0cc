/** @file Lines that the summaries of attack and certify share. */

import { labelOf } from "../data/classes.ts";
import { intervalText, numberText, percent, plural } from "../report/format.ts";
import { unknownText } from "../report/read.ts";
import { epsilonText } from "../stats/epsilon-text.ts";
import { proportion } from "../stats/proportion.ts";
import type { Examination } from "../studies/examination.ts";
import type { Inputs } from "../studies/inputs.ts";
import type { ResultFile, SavedState } from "../studies/result-schema.ts";

/** "93.4% (95% interval 89.1–96.3%, 187 of 200)" */
export function rateText(successes: number, trials: number): string {
  const rate = proportion(successes, trials);
  return `${percent(rate.estimate)} (95% interval ${intervalText(rate)}, ${successes} of ${trials})`;
}

/** How many are unknown for which reason, where one of them is not that an attack failed. */
export function unknownLine({ reasons }: ResultFile): string[] {
  const others = Object.keys(reasons).filter((reason) => reason !== "not-falsified");
  return others.length === 0 ? [] : [`unknown because    ${unknownText(reasons)}`];
}

/** With the unit of epsilon, and the range of the data that it is a share of. */
export function threatText({
  norm,
  epsilon,
  unit,
  range,
}: Pick<ResultFile, "norm" | "epsilon" | "unit" | "range">): string {
  if (norm === null || epsilon === null) return `sets ${unit}`;
  return `${norm} ${epsilonText(epsilon)} (${unit}${range ? `; data ${range[0]} … ${range[1]}` : ""})`;
}

/** How many inputs there are, and how many of them are right. */
export const cleanLine = (
  { counts: { correct, inputs } }: ResultFile,
  { labelled }: Pick<Examination, "labelled">,
): string =>
  labelled
    ? `clean accuracy     ${rateText(correct, inputs)}, error ${percent(1 - correct / inputs, 2)}`
    : `inputs             ${inputs}, without labels: the model's own answers are to be kept`;

/** A line a radius. */
export function sweepSummary(
  files: readonly ResultFile[],
  session: Pick<Examination, "labelled" | "inputs">,
): string[] {
  const [first] = files as [ResultFile];
  const proofs = first.arithmetic !== null;
  const word = first.arithmetic === "real" ? "bounded" : "certified";
  const share = (own: number, of: number) => `${percent(own / of)} (${intervalText(proportion(own, of))})`;
  const rows = files.map(({ epsilon, counts }) => {
    const { inputs, correct, certified, bounded = 0, falsified, unknown, alreadyThere: there = 0 } = counts;
    const standing = inputs === there ? "none" : share(correct - there - falsified, inputs - there);
    const proved = proofs ? [share(first.arithmetic === "real" ? bounded : certified, inputs)] : [];
    return [`${epsilonText(epsilon!)}`, ...proved, standing, `${falsified}`, `${unknown}`];
  });
  const head = ["epsilon", ...(proofs ? [word] : []), "not falsified", "falsified", "unknown"];
  const table = [head, ...rows];
  const widths = head.map((_, k) => Math.max(...table.map((row) => row[k]!.length)));
  return [
    `${first.method} on ${first.model.path}, ${first.norm} (${first.unit}), ${session.inputs.dataset.name}`,
    cleanLine(first, session),
    ...table.map((row) =>
      row
        .map((cell, k) => cell.padEnd(widths[k]!))
        .join("  ")
        .trimEnd(),
    ),
    "What is falsified within a radius is falsified within larger ones; what is proved within one is proved within smaller ones.",
  ];
}

/** Medians of the brackets, over the inputs that are right; what has no end counts as beyond all others. */
export function radiusLines({ results, epsilon, minimal }: ResultFile): string[] {
  if (!minimal) return [];
  const brackets = results.flatMap(({ bracket }) => bracket ?? []);
  const median = (ends: readonly number[]): number =>
    ends.toSorted((a, b) => a - b)[Math.floor((ends.length - 1) / 2)]!;
  const falsified = brackets.map((own) => own.falsified ?? Number.POSITIVE_INFINITY);
  const proved = brackets.map((own) => own.proved ?? 0);
  if (brackets.length === 0) return [];
  const upper = median(falsified);
  return [
    `smallest radius    falsified within a median of ${upper === Number.POSITIVE_INFINITY ? `more than ${epsilonText(epsilon!)}` : numberText(upper)}`,
    ...(proved.some((own) => own > 0)
      ? [`largest radius     proved within a median of ${numberText(median(proved))}`]
      : []),
  ];
}

/** What --save-inputs wrote, what it came to when it was read back, and how it must be read. */
export function savedLines(
  files: readonly ResultFile[],
  folder: string | undefined,
  { contract: { items, contract }, dataset, naming }: Inputs,
): string[] {
  if (folder === undefined) return [];
  const places = new Map(
    files.flatMap(({ results }) => results.flatMap(({ index, saved }) => (saved ? [[index, saved]] : []))),
  );
  const all = [...places.values()];
  const count = (states: readonly (SavedState | undefined)[], state: SavedState) =>
    states.filter((own) => own === state).length;
  const lost = (states: readonly (SavedState | undefined)[]) =>
    `${count(states, "not-adversarial")} no longer, ${count(states, "outside")} outside their sets`;
  const npz = all.map((own) => own.npz.state);
  const png = all.map((own) => own.png?.state);
  const pictures = files.some(({ counts }) => counts.saved?.png);
  const ordered = items.some((own) => own.item === "class order" && own.basis === "inferred");
  return [
    `saved              ${plural(all.length, "adversarial input")} in ${folder}: inputs.npz, read back ${count(npz, "adversarial")} still adversarial, ${lost(npz)}`,
    pictures
      ? `as PNG of 8 bits   ${count(png, "adversarial")} still adversarial in png, ${lost(png)} (png-lost)`
      : "as PNG             none: the inputs are no grey or coloured pictures",
    ...(ordered && contract.classOrder
      ? [
          `to read them       add --class-order ${contract.classOrder.map((_, output) => labelOf(naming, output)).join()}`,
        ]
      : []),
    ...(typeof dataset.range === "string" ? [] : ["to read them       leave out --data-range: black is 0, white is 1"]),
  ];
}
