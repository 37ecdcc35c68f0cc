/**
 * @file The list of methods, and the head of each method's page, from the table in src/methods/index.ts. What stands
 * below the head is written by hand and kept.
 */

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { useOf } from "../../src/cli/method-names.ts";
import { FAMILIES, type MethodEntry, methods } from "../../src/methods/index.ts";

export const END = "<!-- written by hand from here -->";

const HEADINGS = ["What it computes", "Formula", "What it guarantees", "Cost", "When to use it", "Limits"];

const pathOf = ({ method }: MethodEntry): string => `docs/methods/${method.id}.md`;

/** What stands below the head: as it is, or the headings to be filled. */
export function bodyOf(path: string, headings = HEADINGS): string {
  const file = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  const known = existsSync(file) ? readFileSync(file, "utf8").split(END)[1] : undefined;
  return known ?? `\n\n${headings.map((heading) => `## ${heading}\n`).join("\n")}`;
}

export const cell = (text: string): string => text.replaceAll("|", "\\|");

/** What is said of a family's methods alone. */
const ownRows = ({ family, method }: MethodEntry): string =>
  family === "backdoor"
    ? `| needs | ${NEEDS[method.needs]} |\n| blind to | ${cell(method.blindTo)} |`
    : `| norms | ${method.norms.join(", ")} |`;

const NEEDS = {
  nothing: "the model alone; `--data` tells more where the method can use it",
  inputs: "held-out inputs: `--data`",
  "training data": "the training data under suspicion: `--training`",
} as const;

function methodPage(entry: MethodEntry): string {
  const { family, method } = entry;
  return `<!-- Down to the mark: made from src/methods by \`npm run docs\`. -->

# ${method.title}

${method.summary}

| | |
|---|---|
| name | \`${method.id}\`, version ${method.version} |
| family | ${family}: ${FAMILIES[family]} |
${ownRows(entry)}
| source | ${method.source} |
| use | \`${useOf(entry)}\` |

${END}${bodyOf(pathOf(entry))}`;
}

function listPage(): string {
  const families = (Object.keys(FAMILIES) as MethodEntry["family"][]).map((family) => {
    const rows = methods
      .filter((entry) => entry.family === family)
      .map((entry) => {
        const { id, title, summary } = entry.method;
        const scope = entry.family === "backdoor" ? entry.method.needs : entry.method.norms.join(", ");
        return `| [\`${id}\`](methods/${id}.md) | ${title} | ${scope} | ${summary} |`;
      });
    const about = FAMILIES[family];
    return `## ${family}

${about[0]!.toUpperCase()}${about.slice(1)}.

| name | method | ${family === "backdoor" ? "needs" : "norms"} | |
|---|---|---|---|
${rows.join("\n")}
`;
  });
  return `# The methods

Generated from the table in \`src/methods/index.ts\` by \`npm run docs\`; do not edit. Which one when:
[how-to-choose.md](how-to-choose.md).

${families.join("\n")}`;
}

/** The pages by their paths. */
export const methodPages: Readonly<Record<string, () => string>> = {
  "docs/methods.md": listPage,
  ...Object.fromEntries(methods.map((entry) => [pathOf(entry), () => methodPage(entry)])),
};
