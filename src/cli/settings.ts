/**
 * @file Settings that are found and not typed: `assay.config.json`, or the key "assay" of a package.json, from the working folder
 * upward; the nearest counts, and what is typed wins.
 */

import { existsSync, readFileSync } from "node:fs";
import { dirname, isAbsolute, join, relative } from "node:path";
import { usage } from "../graph/fault.ts";
import { didYouMean } from "../graph/suggest.ts";
import { readJson } from "../local/read-json.ts";
import type { OptionSpec } from "./options/spec.ts";
import { OPTIONS, type OptionKey, optionKey, parseOptions } from "./options.ts";
import { path as pathSchema } from "./values.ts";
import type { VerbWords } from "./verb.ts";

type Raw = Readonly<Record<string, unknown>>;

/** Of a file that is found, the settings of one verb, and what to tell of them. */
export interface Settings {
  readonly values: Raw;
  /** "settings from assay.config.json: data, epsilon"; undefined where none concern the verb. */
  readonly line: string | undefined;
}

const FILE = "assay.config.json";
const NONE: Settings = { values: {}, line: undefined };

/**
 * Keys at the top are for all verbs that have such an option; an object under a verb's name is for that verb alone, and wins.
 * Paths in it are relative to the file.
 *
 * @param typed what the command line states: `--config` is taken in place of a file that is found
 * @throws UserError (usage) naming the file and the key
 */
export function settingsFor(verb: VerbWords, verbs: readonly VerbWords[], typed: Raw, cwd: string): Settings {
  if ("config" in typed) return NONE;
  const found = discover(cwd);
  if (!found) return NONE;
  const place = relative(cwd, found.file) || found.file;
  const stated = sectionFor(verb, verbs, found.object, place);
  const own = Object.entries(stated).filter(([name]) => !(name in typed));
  const folder = dirname(found.file);
  const keys = new Map(verb.options.map((key) => [optionKey(key), key]));
  const values = Object.fromEntries(
    own.map(([name, value]) => [
      name,
      fromFolder(keys.get(name)!, value, (path) => relative(cwd, join(folder, path)) || "."),
    ]),
  );
  parseOptions(verb.options, values, place);
  const names = Object.keys(values);
  return { values, line: names.length === 0 ? undefined : `settings from ${place}: ${names.join(", ")}` };
}

interface Found {
  readonly file: string;
  readonly object: Raw;
}

function discover(cwd: string): Found | undefined {
  for (let folder = cwd; ; folder = dirname(folder)) {
    const file = join(folder, FILE);
    if (existsSync(file)) return { file, object: objectIn(readJson(file, "the settings"), file) };
    const inPackage = ofPackage(join(folder, "package.json"));
    if (inPackage) return inPackage;
    if (dirname(folder) === folder) return undefined;
  }
}

/** A package.json is another program's file: what is wrong with it is not told here. */
function ofPackage(file: string): Found | undefined {
  if (!existsSync(file)) return undefined;
  let read: unknown;
  try {
    read = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
  if (typeof read !== "object" || read === null || !("assay" in read)) return undefined;
  return { file, object: objectIn(read.assay, `"assay" in ${file}`) };
}

const isObject = (value: unknown): value is Raw => typeof value === "object" && value !== null && !Array.isArray(value);

function objectIn(value: unknown, place: string): Raw {
  if (isObject(value)) return value;
  throw usage(`${place} must hold one object of options`);
}

/** For editors: where the schema of the file is. */
const SCHEMA_KEY = "$schema";

/** The settings of a verb, with every key of the file checked. @throws UserError (usage) */
function sectionFor({ name, options }: VerbWords, verbs: readonly VerbWords[], object: Raw, place: string): Raw {
  const optionsOf = (of: VerbWords) => new Set(of.options.filter((key) => key !== "config").map(optionKey));
  const known = new Set(verbs.flatMap((one) => [...optionsOf(one)]));
  const own = optionsOf({ options } as VerbWords);
  const shared: Record<string, unknown> = {};
  let section: Raw = {};
  for (const [key, value] of Object.entries(object)) {
    if (key === SCHEMA_KEY) continue;
    const verb = verbs.find((one) => one.name === key);
    if (verb && isObject(value)) {
      const wrong = Object.keys(value).find((inner) => !optionsOf(verb).has(inner));
      if (wrong !== undefined)
        throw usage(`${place}: "${key}": unknown option "${wrong}".${didYouMean(wrong, [...optionsOf(verb)])}`);
      if (key === name) section = value;
    } else if (!known.has(key)) {
      throw usage(`${place}: unknown option "${key}".${didYouMean(key, [...known, ...verbs.map((one) => one.name)])}`);
    } else if (own.has(key)) {
      shared[key] = value;
    }
  }
  return { ...shared, ...section };
}

/** Names of bundled data are no paths. */
const BUNDLED = /^mnist(:|$)/;

function fromFolder(key: OptionKey, value: unknown, resolved: (path: string) => string): unknown {
  const spec: OptionSpec = OPTIONS[key];
  if (Array.isArray(value) && spec.paths) return value.map((one) => fromFolder(key, one, resolved));
  if (typeof value !== "string" || isAbsolute(value) || BUNDLED.test(value)) return value;
  return spec.schema === pathSchema || spec.paths ? resolved(value) : value;
}
