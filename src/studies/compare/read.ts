/** @file What `certify` and `attack` wrote, read again. */

import { z } from "zod";
import { unsupportedInput } from "../../graph/fault.ts";
import { inputShape, RESULT_SCHEMA, resultShape } from "../result-schema.ts";
import type { Answers } from "./compare.ts";
import { answersOfResults } from "./compare.ts";

const { tool, norm, epsilon, arithmetic } = resultShape;
const { index, label, predicted, verdict } = inputShape;

/** The part that is compared. The rest may be anything: so files of versions that had less are read, too. */
const resultFile = z.object({
  schema: z.literal(RESULT_SCHEMA, `this version reads schema ${RESULT_SCHEMA}`).default(RESULT_SCHEMA),
  tool,
  model: z.object({ path: z.string(), sha256: z.string() }),
  norm,
  epsilon,
  box: z.object({ name: z.string() }).optional(),
  arithmetic: arithmetic.optional(),
  data: z.object({ inputsSha256: z.string() }).optional(),
  results: z.array(z.object({ index, label, predicted, verdict })).min(1),
});

const sweepFile = z.object({ runs: z.array(resultFile).min(1) });

/** Is it of the form that `certify` and `attack` write, and not an audit's report? */
export const isResults = (raw: unknown): boolean =>
  (typeof raw === "object" && raw !== null && "results" in raw && "method" in raw) || isSweep(raw);

const isSweep = (raw: unknown): boolean =>
  typeof raw === "object" && raw !== null && "runs" in raw && "tool" in raw && raw.tool === "assay";

/**
 * One a radius.
 * @param name of the file, for messages
 * @throws UserError (unsupported) naming the first place that does not fit
 */
export function readAnswers(raw: unknown, name: string): readonly Answers[] {
  const { data, error } = (isSweep(raw) ? sweepFile : resultFile).safeParse(raw);
  if (data) return ("runs" in data ? data.runs : [data]).map((one) => answersOfResults(one));
  const [{ path, message }] = error.issues as [z.core.$ZodIssue];
  throw unsupportedInput(
    `${name}: ${path.join(".") || "top level"}: ${message}; name what assay certify or assay attack wrote with --out`,
  );
}
