/** @file The paper's claims, judged trigger by trigger. */

import { CLAIMS, type Claim, type Row, type Verdict } from "../../methods/backdoor/evaluation/types.ts";
import { JOINT_CLIPPED, JOINT_UNCLIPPED } from "../../methods/backdoor/evaluation/variants.ts";
import { AS_ACCURATE, FASTER, judgeSensitivity, judgeTarget } from "../../methods/backdoor/evaluation/verdicts.ts";
import type { EvaluationFile } from "../../studies/evaluation/types.ts";
import { areaText, NOTHING, rateText, table } from "./markdown.ts";
import { familiesOf, isFamily, isOverall } from "./rows.ts";

const ALL = "all together";
const COMBINED = "combined";

/** One score's row for a trigger, or for all of them. */
type RowOf = (family: string) => Row | undefined;

const rowsBy =
  (rows: readonly Row[], detector: string): RowOf =>
  (family) =>
    rows.find(
      (row) => row.detector === detector && (family === ALL ? isOverall(row) : isFamily(row) && row.family === family),
    );

export function claimsSection(file: EvaluationFile): string {
  const { evaluation, variants } = file;
  const combined = rowsBy(evaluation.rows, evaluation.subject);
  const clipped = rowsBy(variants.rows, JOINT_CLIPPED);
  const unclipped = rowsBy(variants.rows, JOINT_UNCLIPPED);
  const families = [...familiesOf(file), ALL];
  const sensitivity = [
    { score: COMBINED, rowOf: combined },
    { score: JOINT_CLIPPED, rowOf: clipped },
    { score: JOINT_UNCLIPPED, rowOf: unclipped },
  ];
  return `## The paper's claims, trigger by trigger

The claims are those of Erichson, Taylor, Wu and Mahoney (arXiv:2008.00123). "Joint" is the score of the authors' published
detector: the share of inputs that are answered wrongly and with a confidence above 0.99, averaged over σ from 0.4 to 3.
"Combined" is what Assay decides by: the class that noise pulls a network towards beyond what it does to clean networks.

${titleOf("sensitivity")}

Confirmed where the whole interval of the AUC lies above ½, refuted where it lies below.

${judged(families, sensitivity, judgeSensitivity, areaText)}

${titleOf("target")}

Confirmed where the whole interval of the detection rate lies above chance, refuted where it lies below.

${judged(families, sensitivity.slice(0, 2), judgeTarget, ({ targetHits }) => rateText(targetHits))}

${titleOf("speed")}

Confirmed where Neural Cleanse takes at least ${FASTER} times as long and the combined titration's AUC is not lower by more than
${AS_ACCURATE}; refuted where it does not, or where the AUC is surely lower.

${speed(evaluation.verdicts)}`;
}

const titleOf = (claim: Claim): string => `### Claim: ${CLAIMS[claim]}`;

interface Score {
  readonly score: string;
  readonly rowOf: RowOf;
}

/** A row a trigger, a column a score. */
function judged(
  families: readonly string[],
  scores: readonly Score[],
  judge: (family: string, row: Row) => Verdict,
  text: (row: Row) => string,
): string {
  const cells = families.map((family) => [
    family,
    ...scores.map(({ rowOf }) => {
      const row = rowOf(family);
      return row ? `**${judge(family, row).verdict}**: ${text(row)}` : NOTHING;
    }),
  ]);
  const models = families.map((family) => {
    const row = scores[0]!.rowOf(family);
    return row ? `${row.clean} + ${row.backdoored}` : NOTHING;
  });
  const head = ["trigger", "models, clean + backdoored", ...scores.map(({ score }) => score)];
  return table(
    head,
    cells.map(([family, ...rest], i) => [family!, models[i]!, ...rest]),
  );
}

function speed(verdicts: readonly Verdict[]): string {
  const rows = verdicts
    .filter(({ claim }) => claim === "speed")
    .map(({ family, verdict, reason }) => [family, `**${verdict}**`, reason]);
  return table(["trigger", "verdict", "numbers"], rows);
}
