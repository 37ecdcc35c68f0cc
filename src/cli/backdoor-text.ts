/** @file What a search for backdoors found, in words. */

import { FALSE_ALARMS } from "../methods/backdoor/decision.ts";
import { detectorFor } from "../methods/backdoor/index.ts";
import type { Detector } from "../methods/backdoor/types.ts";
import { numberText, secondsText } from "../report/format.ts";
import { REFERENCE_ADVICE } from "../report/sections/tampering/backdoor-words.ts";
import { relationText } from "../stats/p-text.ts";
import type { BackdoorFile, ReferenceResult } from "../studies/backdoor/results.ts";

const yesOrNo = { true: "yes", false: "no", null: "–" } as const;
const cell = (value: number | null): string => (value === null ? "–" : numberText(value));

/** The table, what each detector says, the answer, and what to do next. */
export function summaryLines(file: BackdoorFile, run: readonly Detector[]): string[] {
  const rows = file.detectors.map(({ name, flagged, score, pValue, target, targetOutput, seconds }) => [
    name,
    yesOrNo[`${flagged}`],
    cell(score),
    pValue === null ? "–" : relationText(pValue, "").replace("=", ""),
    target === null ? "–" : (file.classes[targetOutput!] ?? `${target}`),
    secondsText(seconds),
  ]);
  const header = ["detector", "flagged", "score", "p", "target", "seconds"];
  const widths = header.map((title, k) => Math.max(title.length, ...rows.map((row) => row[k]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((text, k) => (k === 0 ? text.padEnd(widths[k]!) : text.padStart(widths[k]!)))
      .join("  ")
      .trimEnd();
  return [
    `${file.model.path}, ${dataText(file)}`,
    referenceText(file.reference),
    ...file.notes,
    "",
    line(header),
    ...rows.map(line),
    "",
    ...file.detectors.map(({ name, reason }) => `${name}: ${reason}`),
    "",
    verdictText(file),
    ...nextSteps(file, run).map((step) => `- ${step}`),
  ];
}

const dataText = ({ data, training }: BackdoorFile): string =>
  [
    data === null ? "without inputs: the model's answers to noise alone" : `${data.images} inputs of ${data.name}`,
    ...(training === null ? [] : [`${training.images} training inputs of ${training.name}`]),
  ].join(", ");

function referenceText(reference: ReferenceResult | null): string {
  if (reference === null) return "No reference population: p-values are the detectors' own, where they have one.";
  if (!reference.used) return `The reference population ${reference.name} is not used: ${reference.reason}`;
  return `Compared with ${reference.clean} clean models of ${reference.name}; the smallest p-value there can be is ${numberText(reference.smallestP)}.`;
}

/** The answer in a sentence, and its ground. */
export function verdictText({ verdict, classes }: Pick<BackdoorFile, "verdict" | "classes">): string {
  const { flagged, target, kind, reason } = verdict;
  const known = target !== null;
  const name = targetName({ verdict, classes });
  if (flagged === null) return `UNDECIDED${known ? `; if there is a backdoor, it leads to ${name}` : ""}. ${reason}`;
  const ground = kind === "statistical" ? "statistical" : "heuristic, without a known rate of false alarms";
  const answer = flagged ? `BACKDOOR SUSPECTED${known ? `, leading to ${name}` : ""}` : "NOT FLAGGED";
  return `${answer} (${ground}). ${reason}`;
}

const targetName = ({
  verdict: { target, targetOutput },
  classes,
}: Pick<BackdoorFile, "verdict" | "classes">): string => classes[targetOutput ?? -1] ?? `class ${target}`;

function nextSteps(file: BackdoorFile, run: readonly Detector[]): string[] {
  const { verdict, data, reference } = file;
  const cleansed = run.some(({ role }) => role === "trigger");
  const blind = run.map(({ id, blindTo }) => `${id} to ${blindTo}`).join("; ");
  const more = [
    ...(data === null ? ["Give held-out inputs with --data: detectors see more with them."] : []),
    ...(reference?.used
      ? []
      : [`${REFERENCE_ADVICE}, and give them with --reference: the answer then has a known rate of false alarms.`]),
  ];
  if (verdict.flagged === true) {
    const wanted = verdict.target === null ? "" : ` for ${targetName(file)}`;
    return [
      "Do not use the model until this is explained.",
      ...(cleansed
        ? []
        : [`Run --detector ${detectorFor("trigger").id}: it shows the smallest trigger${wanted} that it finds.`]),
      ...(file.training === null
        ? ["If you have the training data, search it with --training; remove what is found and train again."]
        : ["Look at the training inputs that the detectors name, if any; remove the poison and train again."]),
      ...(verdict.kind === "statistical"
        ? [
            `Of clean models ${Math.round(100 * (verdict.threshold ?? FALSE_ALARMS))}% are flagged, too: a second opinion is worth having.`,
          ]
        : more),
    ];
  }
  if (verdict.flagged === null)
    return [...more, ...(cleansed ? [] : ["Run --detector all: more detectors, some of them slow."])];
  return [`This does not exclude a backdoor. Blind: ${blind}.`, ...more];
}
