/** @file The JSON Schemas of what Assay writes, from the schemas that check it. */

import { z } from "zod";
import { reportSchema } from "../../src/report/schema.ts";
import { resultSchema, sweepSchema } from "../../src/studies/result-schema.ts";

/** "Read-only" is a word of the types, not of the files. */
const override = ({ jsonSchema }: { readonly jsonSchema: z.core.JSONSchema.BaseSchema }): void => {
  delete jsonSchema.readOnly;
};

const render = (title: string, schema: z.ZodType) => (): string =>
  `${JSON.stringify({ title, ...z.toJSONSchema(schema, { override }) }, null, 1)}\n`;

export const schemaPages = {
  "docs/schemas/result.schema.json": render(
    "What assay attack and assay certify write: a result, or one for each of several radii",
    z.union([resultSchema, sweepSchema]),
  ),
  "docs/schemas/report.schema.json": render("The audit report: report.json", reportSchema),
} as const;
