import { FAMILIES, type MethodEntry, methods as table } from "../../methods/index.ts";
import { readOptions } from "../config.ts";
import { findMethod } from "../method-names.ts";
import { type Io, METHODS_OPTIONS } from "../verbs.ts";

export async function methods(_: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const { explain, json } = readOptions(METHODS_OPTIONS, raw);
  const chosen = explain === undefined ? table : [findMethod(explain)];
  if (json) await io.print(`${JSON.stringify(chosen.map(plain))}\n`);
  else await io.print(explain === undefined ? overview() : explanation(chosen[0]!));
  return 0;
}

function plain({ family, method }: MethodEntry) {
  const { id, version, title, summary, source, norms } = method;
  return { id, family, title, summary, source, norms, version };
}

function overview(): string {
  const families = Object.entries(FAMILIES).map(([family, about]) => {
    const rows = table
      .filter((entry) => entry.family === family)
      .map(({ method }) => `  ${method.id.padEnd(12)}${method.norms.join(" ").padEnd(13)}${method.summary}`);
    return `${about[0]!.toUpperCase()}${about.slice(1)}.\n${rows.join("\n")}`;
  });
  return `${families.join("\n\n")}\n`;
}

function explanation({ family, method }: MethodEntry): string {
  const verb = family === "attack" ? "attack" : "certify";
  return [
    `${method.title} (${method.id}, version ${method.version})`,
    method.summary,
    "",
    `Norms   ${method.norms.join(", ")}`,
    `Source  ${method.source}`,
    `Use     assay ${verb} MODEL --data DATA --epsilon 0.1 --method ${method.id}`,
    `Note    ${FAMILIES[family]}.`,
    "",
  ].join("\n");
}
