/** @file The head of each training method's page, from the table in src/methods/train/index.ts. */

import type { AnyFamily } from "../../src/methods/family.ts";
import { trainFamily, trainingMethods } from "../../src/methods/train/index.ts";
import type { TrainingMethod } from "../../src/methods/train/types.ts";
import { bodyOf, END, optionTable } from "./methods.ts";

const HEADINGS = ["What is minimised", "When to use it", "Limits"];

const pathOf = ({ id }: TrainingMethod): string => `docs/training/${id}.md`;

function page(method: TrainingMethod): string {
  const { id, version, title, summary, source } = method;
  const use = JSON.stringify({ kind: id, ...(Object.hasOwn(method.options.shape, "epsilon") && { epsilon: 0.1 }) });
  return `<!-- Down to the mark: made from src/methods/train by \`npm run docs\`. -->

# ${title}

${summary}

| | |
|---|---|
| name | \`${id}\`, version ${version} |
| source | ${source} |
| use | \`"method": ${use}\` in a recipe of \`assay train\`: [training.md](../training.md) |

${optionTable({ family: trainFamily as unknown as AnyFamily, method })}
${END}${bodyOf(pathOf(method), HEADINGS)}`;
}

export const trainingPages: Readonly<Record<string, () => string>> = Object.fromEntries(
  trainingMethods.map((method) => [pathOf(method), () => page(method)]),
);
