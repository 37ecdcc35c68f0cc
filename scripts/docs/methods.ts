/**
 * @file The list of methods, and the head of each method's page, from the table in src/methods/index.ts. What stands
 * below the head is written by hand and kept.
 */

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { AnyFamily } from "../../src/methods/family.ts";
import { families, type MethodEntry, methods } from "../../src/methods/index.ts";
import type { MethodDescription } from "../../src/methods/method.ts";
import { optionFacts } from "../../src/methods/options.ts";

export const END = "<!-- written by hand from here -->";

const HEADINGS = ["What it computes", "Formula", "What it guarantees", "Cost", "When to use it", "Limits"];

/** What stands below the head: as it is, or the headings to be filled. */
export function bodyOf(path: string, headings = HEADINGS): string {
  const file = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  const known = existsSync(file) ? readFileSync(file, "utf8").split(END)[1] : undefined;
  return known ?? `\n\n${headings.map((heading) => `## ${heading}\n`).join("\n")}`;
}

export const cell = (text: string): string => text.replaceAll("|", "\\|");

const pathOf = ({ pages }: AnyFamily, { id }: MethodDescription): string =>
  pages.endsWith(".md") ? pages : `${pages}/${id}.md`;

/** The table of a method's options. */
export function optionTable({ family, method }: MethodEntry): string {
  const rows = optionFacts(z, family.schema(method, z)).map(
    ({ name, values, standard, about }) =>
      `| \`${name}\` | ${cell(values)} | ${["none", "to be stated"].includes(standard) ? standard : `\`${standard}\``} | ${cell(about)} |`,
  );
  return rows.length === 0
    ? "It has no options.\n"
    : `| option | values | default | |\n|---|---|---|---|\n${rows.join("\n")}\n`;
}

function methodPage({ family, method }: MethodEntry): string {
  const rows = family.rows?.(method) ?? family.facts(method).map(([name, text]) => [name.toLowerCase(), text] as const);
  return `<!-- Down to the mark: made from src/methods by \`npm run docs\`. -->

# ${method.title}

${method.summary}

| | |
|---|---|
| name | \`${method.id}\`, version ${method.version} |
| family | ${family.id}: ${family.about} |
${rows.map(([name, text]) => `| ${name} | ${cell(text)} |`).join("\n")}
| source | ${method.source} |
| use | \`${family.use(method)}\` |

${optionTable({ family, method })}
${END}${bodyOf(`docs/${pathOf(family, method)}`)}`;
}

function familySection(family: AnyFamily): string {
  const { id, about, methods: own, scope } = family;
  const rows = own.map(
    (method) =>
      `| [\`${method.id}\`](${pathOf(family, method)}) | ${method.title} | ${scope.of(method)} | ${method.summary} |`,
  );
  return `## ${id}

${about[0]!.toUpperCase()}${about.slice(1)}.

| name | method | ${scope.name} | |
|---|---|---|---|
${rows.join("\n")}
`;
}

const listPage = (): string => `# The methods

Generated from the table in \`src/methods/index.ts\` by \`npm run docs\`; do not edit. Which one when:
[how-to-choose.md](how-to-choose.md).

${families.map(familySection).join("\n")}`;

const FOLDER = "methods";

/** The pages by their paths: of families that have no pages of another kind. */
export const methodPages: Readonly<Record<string, () => string>> = {
  "docs/methods.md": listPage,
  ...Object.fromEntries(
    methods
      .filter(({ family }) => family.pages === FOLDER)
      .map((entry) => [`docs/${pathOf(entry.family, entry.method)}`, () => methodPage(entry)]),
  ),
};
