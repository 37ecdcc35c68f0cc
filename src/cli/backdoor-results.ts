/** @file The results of backdoor, for programs and for people. */

import { type ClassNaming, classText, labelOf, namesToShow, PLAIN_CLASSES, sayingClasses } from "../data/classes.ts";
import { type Decision, FALSE_ALARMS } from "../methods/backdoor/decision.ts";
import type { Detector } from "../methods/backdoor/types.ts";
import { numberText, secondsText } from "../report/format.ts";
import type { Plain } from "../runtime/jobs.ts";
import { relationText } from "../stats/p-text.ts";
import type { Examined } from "../studies/backdoor/detectors.ts";
import { floats } from "./floats.ts";
import { TOOL, VERSION } from "./version.ts";

export interface DetectorResult {
  readonly name: string;
  /** By the detector's own rule; `null` where it has none, or did not run. */
  readonly flagged: boolean | null;
  readonly score: number | null;
  /** Against the reference population where there is one, else by the detector's own null distribution. */
  readonly pValue: number | null;
  /** By the data's label, and the model's output that stands for it. */
  readonly target: number | null;
  readonly targetOutput: number | null;
  readonly seconds: number;
  /** One sentence: what was seen, or why nothing was. */
  readonly reason: string;
  /** By the detector's own null distribution, where its paper has one. */
  readonly ownPValue: number | null;
  readonly evidence: unknown;
}

/** The population that scores were compared with, or why they could not be. */
export interface ReferenceResult {
  readonly name: string;
  readonly path: string;
  /** Clean members. */
  readonly clean: number;
  /** 1 / (clean + 1): no p-value is below it. */
  readonly smallestP: number;
  readonly used: boolean;
  readonly reason: string | null;
}

export interface BackdoorFile {
  readonly tool: string;
  readonly version: string;
  readonly model: { readonly path: string; readonly sha256: string };
  readonly data: { readonly name: string; readonly images: number; readonly labels: "data" | "model" } | null;
  readonly training: { readonly name: string; readonly images: number } | null;
  readonly seed: number;
  readonly reference: ReferenceResult | null;
  readonly detectors: readonly DetectorResult[];
  readonly verdict: Omit<Decision, "perDetector"> & { readonly targetOutput: number | null };
  /** How each output is called; empty where outputs, labels and names are the same. */
  readonly classes: readonly string[];
  /** What a reader of the results should know. */
  readonly notes: readonly string[];
}

export interface Scanned extends Pick<BackdoorFile, "model" | "data" | "training" | "seed" | "reference" | "notes"> {
  /** How the data calls the model's classes, where it calls them otherwise. */
  readonly naming?: ClassNaming | undefined;
  readonly examined: readonly Examined[];
  readonly decision: Decision;
}

export function backdoorFile({ examined, decision, naming = PLAIN_CLASSES, ...rest }: Scanned): BackdoorFile {
  const label = (output: number | null): number | null => (output === null ? null : labelOf(naming, output));
  const words = (sentence: string): string => sayingClasses(sentence, (output) => classText(naming, output));
  const { perDetector, ...verdict } = decision;
  const { model, data, training, seed, reference, notes } = rest;
  return {
    tool: TOOL,
    version: VERSION,
    model,
    data,
    training,
    seed,
    reference,
    detectors: examined.map(({ detector, detection, seconds }) => ({
      name: detector.id,
      flagged: detection.flagged,
      score: finite(detection.score),
      pValue: finite(perDetector[detector.id] ?? detection.pValue),
      target: label(detection.target),
      targetOutput: detection.target,
      seconds,
      reason: words(detection.reason),
      ownPValue: finite(detection.pValue),
      evidence: asJson(detection.evidence),
    })),
    verdict: {
      ...verdict,
      lean: verdict.lean && {
        ...verdict.lean,
        target: label(verdict.lean.target)!,
        source: label(verdict.lean.source),
      },
      target: label(verdict.target),
      targetOutput: verdict.target,
      reason: words(verdict.reason),
    },
    classes: namesToShow(naming),
    notes,
  };
}

const finite = (value: number | null): number | null => (value !== null && Number.isFinite(value) ? value : null);

/** Typed arrays as lists; what JSON cannot say as null. */
function asJson(value: Plain): unknown {
  if (typeof value === "number") return finite(value);
  if (value instanceof Float32Array) return floats(value).map(finite);
  if (ArrayBuffer.isView(value)) return Array.from(value as Float64Array, finite);
  if (Array.isArray(value)) return value.map(asJson);
  if (typeof value !== "object" || value === null) return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, asJson(entry as Plain)]));
}

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
  const cleansed = run.some(({ id }) => id === "neural-cleanse");
  const blind = run.map(({ id, blindTo }) => `${id} to ${blindTo}`).join("; ");
  const more = [
    ...(data === null ? ["Give held-out inputs with --data: detectors see more with them."] : []),
    ...(reference?.used
      ? []
      : [
          "Train clean models of the same task and architecture with `assay population` and give them with --reference: the answer then has a known rate of false alarms.",
        ]),
  ];
  if (verdict.flagged === true) {
    const wanted = verdict.target === null ? "" : ` for ${targetName(file)}`;
    return [
      "Do not use the model until this is explained.",
      ...(cleansed ? [] : [`Run --detector neural-cleanse: it shows the smallest trigger${wanted} that it finds.`]),
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
