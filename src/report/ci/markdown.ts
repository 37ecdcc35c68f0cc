/** @file An audit as a few lines of Markdown: for the summary of a build or a comment on a change. */

import { epsilonText } from "../../stats/epsilon-text.ts";
import type { Proportion } from "../../stats/proportion.ts";
import { lowerOf } from "../../studies/audit/codes.ts";
import { intervalText, percent, secondsText } from "../format.ts";
import { CARRYING_FINDINGS, DECISION_WORDS, isReal } from "../read.ts";
import type { AuditReport, GateCondition } from "../schema.ts";

const OUTCOMES = { met: "met", failed: "**not met**", undecided: "undecided" } as const;

/** Text that Markdown and HTML leave as it is, on one line. */
export const plainText = (text: string): string =>
  text
    .replaceAll(/[\p{Cc}\p{Cf}]+/gu, " ")
    .replaceAll(/[\\`*_{}[\]<>#|~]/g, (own) => `\\${own}`)
    .replaceAll("&", "&amp;");

const row = (...cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string[] => [
  row(...head),
  row(...head.map(() => "---")),
  ...rows.map((cells) => row(...cells)),
];

const conditionRow = ({ sentence, outcome, measured, decides }: GateCondition) => [
  plainText(sentence),
  decides ? OUTCOMES[outcome] : `(${outcome})`,
  plainText(measured),
];

const rateText = (rate: Proportion | null): string =>
  rate === null ? "not measured" : `${percent(rate.estimate)} (${intervalText(rate)})`;

export function markdownOf(report: AuditReport): string {
  const { decision, model, data, findings, robustness, tool, seed, seconds } = report;
  return [
    `## ${DECISION_WORDS[decision.kind]}: ${plainText(model.fileName)}`,
    "",
    `**${plainText(decision.headline)}.** ${plainText(decision.reason)}`,
    "",
    ...decision.answers.map(
      ({ question, answer, decides }) => `- ${question} **${answer}**${decides ? "" : " (not part of the gate)"}`,
    ),
    ...(decision.answers.length === 0 ? [] : [""]),
    ...table(["The gate asks", "", "measured"], decision.gate.conditions.map(conditionRow)),
    "",
    ...robustness.flatMap(({ norm, points }) => [
      ...table(
        [`radius (${norm})`, "not falsified, at most", isReal(report) ? "bounded (real)" : "proved, at least"],
        points.map(({ epsilon, attackedUpper, ...point }) => [
          epsilonText(epsilon),
          rateText(attackedUpper),
          rateText(lowerOf(point)),
        ]),
      ),
      "",
    ]),
    ...findings.slice(0, CARRYING_FINDINGS).map(({ title, evidence }) => `- ${plainText(title)} (${evidence})`),
    ...(findings.length === 0 ? [] : [""]),
    ...report.incidents.map(({ title, sentence }) => `> ${plainText(title)}. ${plainText(sentence)}\n`),
    `${tool.name} ${tool.version}, ${data.count} inputs of ${plainText(data.source)} (${plainText(data.selection)}), seed ${seed}, ${secondsText(seconds)}. SHA-256 of the model: \`${model.sha256}\`.`,
    "",
  ].join("\n");
}
