/** @file Options from the command line and from the file that `--config` names. */

import { usage } from "../graph/fault.ts";
import { readJson } from "../local/read-json.ts";
import { type OptionKey, type Options, parseOptions } from "./options.ts";

/** @throws UserError (usage) naming the file or flag and the key */
export function readOptions<K extends OptionKey>(
  keys: readonly (K | "config")[],
  raw: Readonly<Record<string, unknown>>,
): Options<K> {
  const stated = parseOptions(keys, raw) as Options<K | "config">;
  if (stated.config === undefined) return stated;
  const file = stated.config as string;
  return { ...parseOptions(keys, readObject(file), `the config file ${file}`), ...stated };
}

function readObject(path: string): Record<string, unknown> {
  const value = readJson(path, "the config file");
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw usage(`the config file ${path} must hold one object of options`);
  }
  return value as Record<string, unknown>;
}
