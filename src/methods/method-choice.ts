/** @file Methods as a person names them: `A,B:steps=100,restarts=5`, or in a config file `[{"id": "B", "steps": 100}, "A"]`. */

import { z } from "zod";

/** A method by name, with what is stated of its options: text on the command line, any value in a config file. */
export interface MethodChoice {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** A part with "=" and without ":" is an option of the method before it. @returns undefined where there is none before it */
export function readChoices(text: string): MethodChoice[] | undefined {
  const found: { name: string; options: Record<string, unknown> }[] = [];
  for (const part of text.split(",").map((word) => word.trim())) {
    const [, name, option] = /^([^:=]*?)\s*(?::(.*))?$/s.exec(part) ?? [];
    if (name !== undefined) found.push({ name, options: {} });
    const stated = name === undefined ? part : option;
    if (stated === undefined) continue;
    const at = stated.indexOf("=");
    if (at < 1 || found.length === 0) return undefined;
    found.at(-1)!.options[stated.slice(0, at).trim()] = stated.slice(at + 1).trim();
  }
  return found;
}

function choicesOf(raw: unknown): readonly MethodChoice[] | undefined {
  if (typeof raw === "string") return readChoices(raw);
  if (Array.isArray(raw)) {
    const each = raw.map((one) => (Array.isArray(one) ? undefined : choicesOf(one)));
    return each.every((choices) => choices !== undefined) ? each.flat() : undefined;
  }
  if (typeof raw !== "object" || raw === null) return undefined;
  const { id, ...options } = raw as Readonly<Record<string, unknown>>;
  return typeof id === "string" ? [{ name: id, options }] : undefined;
}

export const methodChoices = z.unknown().transform((raw, context): readonly MethodChoice[] => {
  const found = choicesOf(raw);
  if (found) return found;
  const way = 'NAME or NAME:OPTION=VALUE,OPTION=VALUE, in a config file also {"id": "NAME", "OPTION": VALUE}';
  const got = typeof raw === "string" ? `"${raw}"` : JSON.stringify(raw);
  context.addIssue({ code: "custom", message: `takes methods as ${way}; got ${got}` });
  return z.NEVER;
});

const DECIMAL = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

/** "0.1", "8/255", 0.1 */
export function parseNumber(raw: string | number): number {
  if (typeof raw === "number") return raw;
  const parts = raw.trim().split("/");
  if (parts.length > 2 || !parts.every((part) => DECIMAL.test(part.trim()))) return Number.NaN;
  const [top, bottom = 1] = parts.map(Number);
  return top! / bottom;
}

/** What a method's option is, from text: a number where its schema takes one, else yes or no, else the text. */
export function readSetting(raw: unknown, schema: z.ZodType): unknown {
  if (typeof raw !== "string") return raw;
  const number = parseNumber(raw);
  const readings = [
    raw,
    ...(Number.isNaN(number) ? [] : [number]),
    ...(/^(true|false)$/i.test(raw) ? [raw.toLowerCase() === "true"] : []),
  ];
  return readings.find((value) => schema.safeParse(value).success) ?? readings.at(-1);
}
