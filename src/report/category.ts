/** @file A category of the competitions in words: the table of its answers, and what they come to. */

import type { Answer, Summary } from "../studies/verify/category.ts";
import { plural } from "./format.ts";
import { type Cell, csvLine } from "./results-csv.ts";

const COLUMNS: Readonly<Record<string, (answer: Answer) => Cell>> = {
  onnx: ({ onnx }) => onnx,
  vnnlib: ({ vnnlib }) => vnnlib,
  limit_s: ({ limit }) => limit,
  verdict: ({ verdict }) => verdict,
  seconds: ({ seconds }) => Number(seconds.toFixed(3)),
  method: ({ method }) => method,
  witness: ({ witness }) => witness,
  truth: ({ truth }) => truth,
  comparison: ({ comparison }) => comparison,
  detail: ({ detail }) => detail,
};

export const answersCsv = (answers: readonly Answer[]): string =>
  [Object.keys(COLUMNS), ...answers.map((answer) => Object.values(COLUMNS).map((cell) => cell(answer)))]
    .map(csvLine)
    .join("");

/** A line that nobody may miss, or undefined. */
export function alarmText({ onnx, vnnlib, verdict, truth, comparison, witness }: Answer): string | undefined {
  const named = `${vnnlib} of ${onnx}`;
  if (comparison === "contradicts")
    return `CONTRADICTION: ${named} is ${verdict} here, and ${truth} in truth.csv; one of them is wrong`;
  if (comparison === "refutes")
    return `${named} is sat: ${witness} meets it exactly by the outputs of the file, so that truth.csv is wrong (${truth})`;
  return undefined;
}

export function answerLine({ onnx, vnnlib, verdict, seconds, method, detail }: Answer): string {
  const by = method === null ? "" : ` by ${method}`;
  const why = verdict === "unknown" || verdict === "error" ? `: ${detail}` : "";
  return `${vnnlib} of ${onnx}: ${verdict}${by}, ${seconds.toFixed(2)} s${why}`;
}

const secondsText = ({ sum, median }: Summary["seconds"]): string =>
  `sum ${sum.toFixed(1)}${median === null ? "" : `, median ${median.toFixed(2)}`}`;

export function summaryLines(summary: Summary, name: string, known: boolean): string[] {
  const { instances, verdicts, methods, seconds, decidedSeconds, comparisons, beyond } = summary;
  const decided = verdicts.sat + verdicts.unsat;
  const open = [`${verdicts.unknown} unknown`, `${verdicts["timed-out"]} timed-out`];
  if (verdicts.error > 0) open.push(`${verdicts.error} error`);
  return [
    `${name}: ${decided} of ${plural(instances, "instance")} decided: ${verdicts.sat} sat, ${verdicts.unsat} unsat; ${open.join(", ")}`,
    `seconds: ${secondsText(seconds)}; of the decided: ${secondsText(decidedSeconds)}`,
    ...(methods.length > 0 ? [`decided by: ${methods.map(([method, count]) => `${method} ${count}`).join(", ")}`] : []),
    ...(known
      ? [
          `truth.csv: ${comparisons.agrees} agree, ${comparisons.contradicts} contradict, ${comparisons.refutes} refuted by a checked input, ${beyond} decided beyond it`,
        ]
      : []),
  ];
}
