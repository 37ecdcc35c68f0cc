import { FAMILIES, type MethodEntry, methods as table } from "../../methods/index.ts";
import { readOptions } from "../config.ts";
import { findMethod, useOf } from "../method-names.ts";
import { type Io, METHODS_OPTIONS } from "../verbs.ts";

export async function methods(_: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const { explain, json } = readOptions(METHODS_OPTIONS, raw);
  const chosen = explain === undefined ? table : [findMethod(explain)];
  if (json) await io.print(`${JSON.stringify(chosen.map(plain))}\n`);
  else await io.print(explain === undefined ? overview() : explanation(chosen[0]!));
  return 0;
}

function plain({ family, method }: MethodEntry) {
  const { id, version, title, summary, source } = method;
  if (family === "backdoor") {
    const { needs, blindTo } = method;
    return { id, family, title, summary, source, needs, blindTo, version };
  }
  return { id, family, title, summary, source, norms: method.norms, version };
}

/** Norms of attacks and verifiers; of detectors what they need besides the model. */
const scopeOf = ({ family, method }: MethodEntry): string =>
  family === "backdoor" ? method.needs : method.norms.join(" ");

function overview(): string {
  const families = Object.entries(FAMILIES).map(([family, about]) => {
    const entries = table.filter((entry) => entry.family === family);
    const widest = (texts: readonly string[], least: number) =>
      Math.max(least, ...texts.map((text) => text.length + 2));
    const [names, scopes] = [
      widest(
        entries.map(({ method }) => method.id),
        12,
      ),
      widest(entries.map(scopeOf), 13),
    ];
    const rows = entries.map(
      (entry) => `  ${entry.method.id.padEnd(names)}${scopeOf(entry).padEnd(scopes)}${entry.method.summary}`,
    );
    return `${about[0]!.toUpperCase()}${about.slice(1)}.\n${rows.join("\n")}`;
  });
  return `${families.join("\n\n")}\n`;
}

function explanation(entry: MethodEntry): string {
  const { family, method } = entry;
  const scope =
    family === "backdoor"
      ? [`Needs   ${method.needs}`, `Blind   to ${method.blindTo}`]
      : [`Norms   ${method.norms.join(", ")}`];
  return [
    `${method.title} (${method.id}, version ${method.version})`,
    method.summary,
    "",
    ...scope,
    `Source  ${method.source}`,
    `Use     ${useOf(entry)}`,
    `Note    ${FAMILIES[family]}.`,
    "",
  ].join("\n");
}
