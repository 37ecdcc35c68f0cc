import { z } from "zod";
import type { AnyFamily } from "../../methods/family.ts";
import { families, type MethodEntry, methods as table } from "../../methods/index.ts";
import { jsonSchemaOf, optionFacts } from "../../methods/options.ts";
import { readOptions } from "../config.ts";
import type { Io } from "../io.ts";
import { findMethods } from "../method-names.ts";
import { methodsVerb } from "../verbs/methods.ts";

export async function methods(_: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const { explain, json } = readOptions(methodsVerb.options, raw);
  const chosen = explain === undefined ? table : await findMethods(explain);
  if (json) await io.print(`${JSON.stringify(chosen.map(plain))}\n`);
  else await io.print(explain === undefined ? overview() : chosen.map(explanation).join("\n"));
  return 0;
}

function plain({ family, method }: MethodEntry) {
  const { id, version, title, summary, source } = method;
  const schema = jsonSchemaOf(z, family.schema(method, z));
  const options = Object.keys(schema.properties ?? {});
  return { id, family: family.id, title, summary, source, ...family.plain(method), version, options, schema };
}

const overview = (): string => `${families.map(familyText).join("\n\n")}\n`;

function familyText({ about, methods: own, scope }: AnyFamily): string {
  const widest = (texts: readonly string[], least: number) => Math.max(least, ...texts.map((text) => text.length + 2));
  const ids = own.map(({ id }) => id);
  const [names, scopes] = [widest(ids, 12), widest(own.map(scope.of), 13)];
  const rows = own.map((method) => `  ${method.id.padEnd(names)}${scope.of(method).padEnd(scopes)}${method.summary}`);
  return `${about[0]!.toUpperCase()}${about.slice(1)}.\n${rows.join("\n")}`;
}

function explanation({ family, method }: MethodEntry): string {
  const facts = [
    ...family.facts(method),
    ["Source", method.source],
    ["Use", family.use(method)],
    ["Note", `${family.about}.`],
  ] as const;
  return [
    `${method.title} (${method.id}, version ${method.version})`,
    method.summary,
    "",
    ...facts.map(([name, text]) => `${name.padEnd(8)}${text}`),
    ...optionLines({ family, method }),
    "",
  ].join("\n");
}

function optionLines({ family, method }: MethodEntry): string[] {
  const options = optionFacts(z, family.schema(method, z));
  if (options.length === 0) return ["", "It has no options."];
  const width = Math.max(...options.map(({ name }) => name.length)) + 2;
  return [
    "",
    "Options",
    ...options.map(
      ({ name, values, standard, about }) => `  ${name.padEnd(width)}${about} (${values}; default: ${standard})`,
    ),
  ];
}
