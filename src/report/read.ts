/** @file What both the page and the terminal read out of a report. */

import { lowerOf } from "../studies/audit/codes.ts";
import type { AuditReport, DecisionKind } from "./schema.ts";
import type { BandPoint, Robustness } from "./sections/robustness/schema.ts";

export const DECISION_WORDS = {
  ship: "Ship",
  "do-not-ship": "Do not ship",
  "cannot-tell": "Cannot tell",
} as const satisfies Readonly<Record<DecisionKind, string>>;

/** Whether bounds were made in real arithmetic: then nothing is proved, and no text may say so. */
export const isReal = ({ runs }: Pick<AuditReport, "runs">): boolean =>
  runs.some(({ arithmetic }) => arithmetic === "real");

/** What a lower bound makes of an input, in a word. */
export const boundWord = (report: Pick<AuditReport, "runs">): string =>
  isReal(report) ? "bounded (real arithmetic)" : "proved";

const UNKNOWN_WORDS: Readonly<Record<string, string>> = {
  "relaxation-too-loose": "bounds too loose",
  timeout: "limit of time for an input",
  "time-budget": "time budget",
  memory: "memory",
  numerical: "bounds not finite",
  "unsupported-op": "operator without bounds",
  interrupted: "interrupted",
  "internal-error": "internal error",
  "not-falsified": "neither falsified nor proved",
};

/** "bounds too loose 12, time budget 3": why no proof holds for inputs that are neither proved nor falsified. */
export const unknownText = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${UNKNOWN_WORDS[reason] ?? reason} ${count}`)
    .join(", ");

/** The first findings, which carry the decision. */
export const CARRYING_FINDINGS = 3;

/** @throws when the headline epsilon is not among the points; `parseReport` refuses such a report */
export function headlinePoint({ points, headlineEpsilon }: Robustness): BandPoint {
  const point = points.find((p) => p.epsilon === headlineEpsilon);
  if (point === undefined) throw new Error(`Report: no point at the headline epsilon ${headlineEpsilon}.`);
  return point;
}

/** The name of a class, or its number where there are no names. */
export const nameOfClass = (names: readonly string[], label: number): string => names[label] ?? `class ${label}`;

export const className = (report: AuditReport, label: number): string => nameOfClass(report.data.classNames, label);

/** Coverage of the report's intervals, "95%". */
export function confidenceText({ data, robustness, suspicions }: AuditReport): string {
  const rates = [
    data.cleanAccuracy,
    ...robustness.flatMap((r) => r.points.flatMap((p) => [p.clean, p.attackedUpper, lowerOf(p)])),
    ...suspicions.map((s) => s.success),
  ];
  const level = rates.find((rate) => rate !== null)?.confidence ?? 0.95;
  return `${Number((level * 100).toPrecision(6))}%`;
}
