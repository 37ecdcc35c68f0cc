/** @file Which rows of an evaluation a table shows. */

import type { Row } from "../../methods/backdoor/evaluation/types.ts";
import type { EvaluationFile } from "../../studies/evaluation/types.ts";
import { NOTHING, table } from "./markdown.ts";

/** Everything of one detector. */
export const isOverall = (row: Row): boolean =>
  row.group === null && row.family === null && row.architecture === null && row.stratum === "accepted";
export const isFamily = (row: Row): boolean =>
  row.group === null && row.family !== null && row.architecture === null && row.stratum === "accepted";
export const isSetting = (row: Row): boolean =>
  row.group === null && row.family === null && row.architecture !== null && row.stratum === "accepted";
export const isGroup = (row: Row): boolean => row.group !== null && row.stratum === "accepted";

export const unique = (values: readonly string[]): string[] => [...new Set(values)];
export const detectorsOf = (rows: readonly Row[]): string[] => unique(rows.map(({ detector }) => detector));
export const familiesOf = ({ evaluation }: EvaluationFile): string[] =>
  unique(evaluation.rows.filter(isFamily).flatMap(({ family }) => family ?? []));
export const settingOf = ({ dataset, architecture }: Row): string => `${dataset}, ${architecture}`;

/** A row a detector, a column a key. */
export function matrix(
  rows: readonly Row[],
  columns: readonly string[],
  keyOf: (row: Row) => string,
  text: (row: Row) => string,
): string {
  return table(
    ["detector", ...columns],
    detectorsOf(rows).map((detector) => [
      detector,
      ...columns.map((column) => {
        const found = rows.find((row) => row.detector === detector && keyOf(row) === column);
        return found ? text(found) : NOTHING;
      }),
    ]),
  );
}
