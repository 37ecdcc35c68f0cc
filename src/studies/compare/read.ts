/** @file What `certify` and `attack` wrote, read again. */

import { z } from "zod";
import { unsupportedInput } from "../../graph/fault.ts";
import type { Answers } from "./compare.ts";
import { answersOfResults } from "./compare.ts";

/** The part that is compared; the rest of the file may be anything. */
const resultFile = z.object({
  tool: z.literal("assay"),
  model: z.object({ path: z.string(), sha256: z.string() }),
  norm: z.enum(["linf", "l2", "l1"]).nullable(),
  epsilon: z.number().nullable(),
  box: z.object({ name: z.string() }).optional(),
  results: z
    .array(
      z.object({
        index: z.int(),
        label: z.int(),
        predicted: z.int(),
        verdict: z.enum(["certified", "bounded", "falsified", "unknown", "misclassified", "already-there"]),
      }),
    )
    .min(1),
});

/** Is it of the form that `certify` and `attack` write, and not an audit's report? */
export const isResults = (raw: unknown): boolean =>
  typeof raw === "object" && raw !== null && "results" in raw && "method" in raw;

/** @param name of the file, for messages  @throws UserError (unsupported) naming the first place that does not fit */
export function readAnswers(raw: unknown, name: string): Answers {
  const { data, error } = resultFile.safeParse(raw);
  if (data) return answersOfResults(data);
  const [{ path, message }] = error.issues as [z.core.$ZodIssue];
  throw unsupportedInput(
    `${name}: ${path.join(".") || "top level"}: ${message}; name what assay certify or assay attack wrote with --out`,
  );
}
