/** @file Options from the command line and from the file that `--config` names. */

import { readFileSync } from "node:fs";
import { systemReason, usage } from "./errors.ts";
import { type OptionKey, type Options, parseOptions } from "./options.ts";

/** @throws CliError (usage) naming the file or flag and the key */
export function readOptions<K extends OptionKey>(
  keys: readonly (K | "config")[],
  raw: Readonly<Record<string, unknown>>,
): Options<K> {
  const stated = parseOptions(keys, raw) as Options<K | "config">;
  if (stated.config === undefined) return stated;
  const file = stated.config as string;
  return { ...parseOptions(keys, readJson(file), `the config file ${file}`), ...stated };
}

function readJson(path: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw usage(`the config file ${path} cannot be read: ${systemReason(error)}`, error);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw usage(`the config file ${path} is not JSON: ${(error as Error).message}`, error);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw usage(`the config file ${path} must hold one object of options`);
  }
  return value as Record<string, unknown>;
}
