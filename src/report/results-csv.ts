/** @file Results as a table, RFC 4180: a line an input, whatever reads it. */

import { epsilonText } from "../stats/epsilon-text.ts";
import type { NamedResult, ResultFile } from "../studies/result-schema.ts";

export type Cell = string | number | null | undefined;

/** By column; what an input does not have is empty. */
const COLUMNS: Readonly<Record<string, (file: ResultFile, result: NamedResult) => Cell>> = {
  epsilon: ({ epsilon }) => epsilon,
  epsilon_text: ({ epsilon }) => (epsilon === null ? null : epsilonText(epsilon)),
  norm: ({ norm }) => norm,
  method: ({ method }) => method,
  index: (_, { index }) => index,
  label: (_, { label }) => label,
  predicted: (_, { predicted }) => predicted,
  verdict: (_, { verdict }) => verdict,
  margin: (_, { margin }) => margin,
  reason: (_, { reason }) => reason,
  found_at: (_, { foundAt }) => foundAt,
  proved_within: (_, { bracket }) => bracket?.proved,
  falsified_within: (_, { bracket }) => bracket?.falsified,
  seconds: (_, { seconds }) => seconds,
  label_name: ({ classes }, { output }) => classes[output],
  predicted_name: ({ classes }, { predictedOutput }) => classes[predictedOutput],
  witness_file: (_, { witness }) => (witness && "file" in witness ? witness.file : undefined),
  witness_row: (_, { witness }) => (witness && "file" in witness ? witness.index : undefined),
  npz_file: (_, { saved }) => saved?.npz.file,
  npz_row: (_, { saved }) => saved?.npz.row,
  npz_state: (_, { saved }) => saved?.npz.state,
  png_file: (_, { saved }) => saved?.png?.file,
  png_state: (_, { saved }) => saved?.png?.state,
};

const quoted = (cell: Cell): string => {
  const text = `${cell ?? ""}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

export const csvLine = (cells: readonly Cell[]): string => `${cells.map(quoted).join(",")}\r\n`;

/** One table of all files, in pieces. */
export function* resultsCsv(files: readonly ResultFile[]): Generator<string> {
  yield csvLine(Object.keys(COLUMNS));
  const columns = Object.values(COLUMNS);
  for (const file of files) for (const result of file.results) yield csvLine(columns.map((of) => of(file, result)));
}
