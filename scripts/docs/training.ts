/** @file The head of each training method's page, from the table in src/methods/train/index.ts. */

import { z } from "zod";
import { trainingMethods } from "../../src/methods/train/index.ts";
import type { TrainingMethod } from "../../src/methods/train/types.ts";
import { bodyOf, cell, END } from "./methods.ts";

const HEADINGS = ["What is minimised", "When to use it", "Limits"];

interface Property {
  readonly default?: unknown;
  readonly description?: string;
}

function optionRows({ options }: TrainingMethod): string[] {
  const { properties = {}, required = [] } = z.toJSONSchema(options, { io: "input", unrepresentable: "any" });
  return Object.entries(properties as Readonly<Record<string, Property>>).map(
    ([name, { default: value, description }]) => {
      const missing = required.includes(name) ? "to be stated" : "none";
      return `| \`${name}\` | ${value === undefined ? missing : `\`${JSON.stringify(value)}\``} | ${cell(description ?? "")} |`;
    },
  );
}

const pathOf = ({ id }: TrainingMethod): string => `docs/training/${id}.md`;

function page(method: TrainingMethod): string {
  const { id, version, title, summary, source } = method;
  const rows = optionRows(method);
  const use = JSON.stringify({ kind: id, ...(Object.hasOwn(method.options.shape, "epsilon") && { epsilon: 0.1 }) });
  const options =
    rows.length > 0 ? `| option | default | |\n|---|---|---|\n${rows.join("\n")}\n` : "It has no options.\n";
  return `<!-- Down to the mark: made from src/methods/train by \`npm run docs\`. -->

# ${title}

${summary}

| | |
|---|---|
| name | \`${id}\`, version ${version} |
| source | ${source} |
| use | \`"method": ${use}\` in a recipe of \`assay train\`: [training.md](../training.md) |

${options}
${END}${bodyOf(pathOf(method), HEADINGS)}`;
}

export const trainingPages: Readonly<Record<string, () => string>> = Object.fromEntries(
  trainingMethods.map((method) => [pathOf(method), () => page(method)]),
);
