import { epsilonText } from "../stats/epsilon-text.ts";
import type { Proportion } from "../stats/proportion.ts";
import { lowerOf } from "../studies/audit/codes.ts";
import type { Figure } from "./fields.ts";
import { intervalText, numberText, percent, plural, secondsText } from "./format.ts";
import { CARRYING_FINDINGS, DECISION_WORDS, headlinePoint, isReal, unknownText } from "./read.ts";
import type { AuditReport, Finding, WaysTried } from "./schema.ts";

/** Columns of the narrowest terminal in use. */
const WIDTH = 80;
const LABEL_WIDTH = 18;

/** Lines of at most `WIDTH` columns; a word longer than a line is cut into pieces. */
function wrap(text: string, indent: number): string[] {
  const room = WIDTH - indent;
  const pieces = clean(text)
    .split(/\s+/)
    .flatMap((word) => word.match(new RegExp(`.{1,${room}}`, "gu")) ?? []);
  const lines: string[] = [];
  for (const piece of pieces) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + piece.length <= room) lines[lines.length - 1] = `${last} ${piece}`;
    else lines.push(piece);
  }
  return lines.map((line) => " ".repeat(indent) + line);
}

/** Without control characters, by which a file name could move the cursor or recolour the terminal. */
const clean = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}]/gu, " ");

function rateLine(label: string, rate: Proportion | null, prefix: string): string {
  const start = `  ${label.padEnd(LABEL_WIDTH)}`;
  if (rate === null) return `${start}   not measured`;
  const number = `${prefix} ${percent(rate.estimate).padStart(6)}`.padStart(8);
  return `${start}${number}   ${intervalText(rate).padEnd(12)} ${rate.successes} of ${rate.trials}`;
}

function figureLines(figure: Figure): string[] {
  if ("rate" in figure) {
    const { rate, label } = figure;
    return wrap(`${percent(rate.estimate)} (${intervalText(rate)}, ${rate.successes} of ${rate.trials}) ${label}`, 5);
  }
  const { value, unit, interval, samples } = figure.quantity;
  return wrap(
    `${numberText(value)}${unit === "" ? "" : ` ${unit}`}${interval === null ? "" : ` (${interval.map(numberText).join("–")})`} ${figure.label}${samples === null ? "" : `, ${plural(samples, "sample")}`}`,
    5,
  );
}

function findingLines({ title, evidence, severity, figures }: Finding, i: number): string[] {
  const [first = "", ...rest] = wrap(`[${evidence}, ${severity}] ${title}`, 5);
  return [`  ${i + 1}. ${first.trimStart()}`, ...rest, ...figures.flatMap(figureLines)];
}

function robustnessLines(report: AuditReport): string[] {
  return report.robustness.flatMap((robustness) => {
    const point = headlinePoint(robustness);
    return [
      `Within ${robustness.norm} ${epsilonText(point.epsilon)}`,
      rateLine("not falsified", point.attackedUpper, "≤"),
      rateLine(isReal(report) ? "bounded (real)" : "proved", lowerOf(point), "≥"),
      `  unknown ${point.counts.unknown}, falsified ${point.counts.falsified} of ${plural(point.counts.inputs, "input")}`,
      ...(unknownText(point.unknownBy) === "" ? [] : wrap(`not proved: ${unknownText(point.unknownBy)}`, 2)),
      "",
    ];
  });
}

/** The preprocessing that fits best of those tried, beside the one in use. */
export function waysText({ inputs, right, ways }: WaysTried): string {
  const share = (count: number) => percent(count / inputs);
  const [best] = ways;
  const stands = `preprocessing as it is gets ${share(right)} of ${plural(inputs, "input")} right`;
  if (!best) return stands;
  return `${stands}; the best of ${ways.length} others, ${best.name} (${best.option}), ${share(best.right)}`;
}

/**
 * The report's first screen for a terminal: no line over 80 columns, no colour. Ranges are confidence intervals.
 */
export function renderText(report: AuditReport): string {
  const { decision, model, findings, data } = report;
  const lines = [
    ...wrap(`${DECISION_WORDS[decision.kind].toUpperCase()}: ${model.fileName}`, 0),
    ...wrap(decision.headline, 0),
    "",
    ...wrap(decision.reason, 2),
    "",
    ...decision.answers.flatMap(({ question, answer, decides }) =>
      wrap(`${question} ${answer}${decides ? "" : " (not part of the gate)"}`, 2),
    ),
    ...(decision.answers.length === 0 ? [] : [""]),
    ...report.incidents.flatMap(({ title, sentence }) => [...wrap(`${title}. ${sentence}`, 2), ""]),
    rateLine("clean accuracy", data.cleanAccuracy, " "),
    ...(data.preprocessing === null ? [] : wrap(waysText(data.preprocessing), 2)),
    "",
    ...robustnessLines(report),
    ...(findings.length === 0 ? [] : ["Findings", ...findings.slice(0, CARRYING_FINDINGS).flatMap(findingLines), ""]),
    ...wrap(`sha256 ${model.sha256}`, 0),
    `seed ${report.seed}, ${secondsText(report.seconds)}`,
  ];
  return `${lines.join("\n")}\n`;
}
