/** @file The JSON Schemas of what Assay writes, from the schemas that check it. */

import { z } from "zod";
import type { OptionSpec } from "../../src/cli/options/spec.ts";
import { OPTIONS, type OptionKey, optionKey } from "../../src/cli/options.ts";
import { VERBS } from "../../src/cli/verbs.ts";
import { reportSchema } from "../../src/report/schema.ts";
import { resultSchema, sweepSchema } from "../../src/studies/result-schema.ts";

/** "Read-only" is a word of the types, not of the files. */
const override = ({ jsonSchema }: { readonly jsonSchema: z.core.JSONSchema.BaseSchema }): void => {
  delete jsonSchema.readOnly;
};

const render = (title: string, schema: z.ZodType) => (): string =>
  `${JSON.stringify({ title, ...z.toJSONSchema(schema, { override }) }, null, 1)}\n`;

type Properties = Readonly<Record<string, object>>;

/** What JSON may state of the options of some verbs; of options of one name, any of their forms. */
function propertiesOf(keys: readonly OptionKey[]): Properties {
  const forms = new Map<string, OptionSpec[]>();
  for (const key of new Set(keys)) {
    if (key === "config") continue;
    forms.set(optionKey(key), [...(forms.get(optionKey(key)) ?? []), OPTIONS[key]]);
  }
  const property = ({ schema, help }: OptionSpec) => {
    const { $schema: _, ...form } = z.toJSONSchema(schema, { override, io: "input", unrepresentable: "any" });
    return { description: help, ...form };
  };
  return Object.fromEntries(
    [...forms].map(([name, specs]) => [
      name,
      specs.length === 1 ? property(specs[0]!) : { anyOf: specs.map(property) },
    ]),
  );
}

const closed = (properties: Properties) => ({ type: "object", properties, additionalProperties: false });

/** `assay.config.json`: options of all verbs, and of single ones under their names. */
function renderConfig(): string {
  const shared = propertiesOf(VERBS.flatMap(({ options }) => options));
  const own = Object.fromEntries(
    VERBS.filter(({ options }) => options.length > 0).map(({ name, options }) => {
      const section = closed(propertiesOf(options));
      return [name, shared[name] ? { anyOf: [shared[name], section] } : section];
    }),
  );
  const schema = {
    title: "Settings of assay: assay.config.json",
    $schema: "https://json-schema.org/draft/2020-12/schema",
    ...closed({ $schema: { type: "string" }, ...shared, ...own }),
  };
  return `${JSON.stringify(schema, null, 1)}\n`;
}

export const schemaPages = {
  "docs/schemas/result.schema.json": render(
    "What assay attack and assay certify write: a result, or one for each of several radii",
    z.union([resultSchema, sweepSchema]),
  ),
  "docs/schemas/report.schema.json": render("The audit report: report.json", reportSchema),
  "docs/schemas/config.schema.json": renderConfig,
} as const;
