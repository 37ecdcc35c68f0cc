/**
 * @file The list of methods, and the head of each method's page, from the table in src/methods/index.ts. What stands
 * below the head is written by hand and kept.
 */

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { FAMILIES, type MethodEntry, methods } from "../../src/methods/index.ts";

const END = "<!-- written by hand from here -->";

const HEADINGS = ["What it computes", "Formula", "What it guarantees", "Cost", "When to use it", "Limits"];

const VERB = { attack: "attack", verify: "certify" } as const;

const pathOf = ({ method }: MethodEntry): string => `docs/methods/${method.id}.md`;

/** What stands below the head: as it is, or the headings to be filled. */
function bodyOf(path: string): string {
  const file = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  const known = existsSync(file) ? readFileSync(file, "utf8").split(END)[1] : undefined;
  return known ?? `\n\n${HEADINGS.map((heading) => `## ${heading}\n`).join("\n")}`;
}

function methodPage(entry: MethodEntry): string {
  const { family, method } = entry;
  return `<!-- Down to the mark: made from src/methods by \`npm run docs\`. -->

# ${method.title}

${method.summary}

| | |
|---|---|
| name | \`${method.id}\`, version ${method.version} |
| family | ${family}: ${FAMILIES[family]} |
| norms | ${method.norms.join(", ")} |
| source | ${method.source} |
| use | \`assay ${VERB[family]} MODEL --data DATA --epsilon 0.1 --method ${method.id}\` |

${END}${bodyOf(pathOf(entry))}`;
}

function listPage(): string {
  const families = (Object.keys(FAMILIES) as MethodEntry["family"][]).map((family) => {
    const rows = methods
      .filter((entry) => entry.family === family)
      .map((entry) => {
        const { id, title, norms, summary } = entry.method;
        return `| [\`${id}\`](methods/${id}.md) | ${title} | ${norms.join(", ")} | ${summary} |`;
      });
    const about = FAMILIES[family];
    return `## ${family}

${about[0]!.toUpperCase()}${about.slice(1)}.

| name | method | norms | |
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
