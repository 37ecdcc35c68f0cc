/**
 * @file Every option once: its flag, its words, and how its value is checked, from the command line or a config file.
 * The verbs pick from this table; help, `--config` and docs/cli.md follow from it.
 */

import type { StatedContract } from "../data/contract.ts";
import type { StatedUnit } from "../data/units.ts";
import { usage } from "../graph/fault.ts";
import { didYouMean } from "../graph/suggest.ts";
import type { ReadingOptions } from "../local/inputs.ts";
import { INPUTS } from "./options/inputs.ts";
import { QUESTIONS } from "./options/questions.ts";
import { RUNS } from "./options/runs.ts";
import type { OptionSpec } from "./options/spec.ts";
import { VERIFY } from "./options/verify.ts";

export const OPTIONS = { ...INPUTS, ...QUESTIONS, ...RUNS, ...VERIFY };

export type OptionKey = keyof typeof OPTIONS;
type Value<K extends OptionKey> = (typeof OPTIONS)[K] extends OptionSpec<infer T> ? T : never;
export type Options<K extends OptionKey> = { readonly [P in K]?: Value<P> };

/** The long name on the command line: "class-order", "attack" for `--no-attack`. */
export const flagName = (key: OptionKey): string => OPTIONS[key].flag.split(" ")[0]!.replace(/^--(no-)?/, "");

/** The key under which commander and config files give it. */
export const optionKey = (key: OptionKey): string =>
  flagName(key).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

/**
 * Checked options from raw ones.
 * @param place names the source in messages: "the config file x.json", or nothing for the command line
 * @throws UserError (usage), one line naming the option
 */
export function parseOptions<K extends OptionKey>(
  keys: readonly K[],
  raw: Readonly<Record<string, unknown>>,
  place?: string,
): Options<K> {
  const known = new Map(keys.map((key) => [optionKey(key), key]));
  const parsed: Partial<Record<K, unknown>> = {};
  for (const [name, value] of Object.entries(raw)) {
    const key = known.get(name);
    const where = place === undefined ? "" : `${place}: `;
    if (key === undefined) throw usage(`${where}unknown option "${name}".${didYouMean(name, [...known.keys()])}`);
    if (value === undefined) continue;
    const result = OPTIONS[key].schema.safeParse(value);
    if (!result.success) {
      const shown = place === undefined ? `--${flagName(key)}` : `"${name}"`;
      throw usage(`${where}${shown} ${result.error.issues[0]!.message}`);
    }
    parsed[key] = result.data;
  }
  return parsed as Options<K>;
}

/** The part of the options that says how data is read, where it does not tell by itself. */
export function readingOptions(
  options: Options<
    "labelColumn" | "firstLabel" | "dataRange" | "channels" | "channelOrder" | "resize" | "crop" | "rowOrder"
  >,
): ReadingOptions {
  const { labelColumn, firstLabel, dataRange, channels, channelOrder, resize, crop, rowOrder } = options;
  return {
    ...(labelColumn !== undefined && { csv: { label: { column: labelColumn } } }),
    ...(firstLabel !== undefined && { firstLabel }),
    ...(dataRange !== undefined && { range: dataRange === "none" ? "unknown" : dataRange }),
    ...(channels && { channels }),
    ...(channelOrder && { channelOrder }),
    ...(resize && { resize }),
    ...(crop && { crop }),
    ...(rowOrder && { rowOrder }),
  };
}

/** The part of the options that says what epsilon counts. */
export const statedUnit = ({
  epsilonUnit: unit,
  featureEpsilon,
  fixed,
}: Options<"epsilonUnit" | "featureEpsilon" | "fixed">): StatedUnit => ({ unit, featureEpsilon, fixed });

/** The part of the options that states how the model takes its inputs. */
export function statedContract(options: Options<"mean" | "std" | "range" | "layout" | "classOrder">): StatedContract {
  const { mean, std, range, layout, classOrder } = options;
  return {
    ...(mean && { mean }),
    ...(std && { std }),
    ...(range && { range }),
    ...(layout && { layout }),
    ...(classOrder && { classOrder }),
  };
}
