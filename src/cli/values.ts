/** @file Values of options: what text on the command line, or JSON, means. */

import { z } from "zod";
import type { Size } from "../data/sizing.ts";
import { didYouMean } from "../graph/suggest.ts";
import { parseNumber } from "../methods/method-choice.ts";
import type { Norm } from "../spec/types.ts";

export const text = z.union([z.string(), z.number()]);
export const flag = z.boolean();
const MEMORY = /^(\d+\.?\d*)\s*(|[kmgt]i?b?|b)$/i;
const POWERS = ["", "k", "m", "g", "t"];

/** "2GB", "256 MB", 1e9: bytes; k, M, G and T are powers of 1,024. */
export function parseBytes(raw: string | number): number {
  if (typeof raw === "number") return raw;
  const [, count, unit] = MEMORY.exec(raw.trim()) ?? [];
  if (count === undefined) return Number.NaN;
  const power = POWERS.indexOf(unit!.toLowerCase().replace(/i?b$/, ""));
  return Math.floor(Number(count) * 1024 ** power);
}

export const path = z.string().min(1, "must name a file or folder");

export const number = (holds: (value: number) => boolean, rule: string) =>
  text.transform((raw, context) => {
    const value = parseNumber(raw);
    if (Number.isFinite(value) && holds(value)) return value;
    context.addIssue({ code: "custom", message: `${rule}, got "${raw}"` });
    return z.NEVER;
  });

const UNITS: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, min: 60, h: 3600 };

/** Seconds: 90, "90s", "3m"; infinite for "none". */
export const duration = text.transform((raw, context) => {
  const word = `${raw}`.trim().toLowerCase();
  if (word === "none") return Number.POSITIVE_INFINITY;
  const [, amount = "", unit = ""] = /^([\d.]+)\s*([a-z]*)$/.exec(word) ?? [];
  const seconds = parseNumber(amount) * (UNITS[unit] ?? Number.NaN);
  if (seconds > 0) return seconds;
  context.addIssue({ code: "custom", message: `must be a time above 0 such as 90, 90s or 3m, or none, got "${raw}"` });
  return z.NEVER;
});

export const whole = (least: number) =>
  number((value) => Number.isSafeInteger(value) && value >= least, `must be a whole number from ${least}`);
export const radius = number((value) => value >= 0, "must be a number ≥ 0 such as 0.1 or 8/255");
export const share = number((value) => value >= 0 && value <= 1, "must be a share from 0 to 1");

const LEAST_MEMORY = 2 ** 20;
export const bytes = text.transform((raw, context) => {
  const value = parseBytes(raw);
  if (Number.isSafeInteger(value) && value >= LEAST_MEMORY) return value;
  context.addIssue({ code: "custom", message: `must be bytes from 1MB, such as 256MB or 2GB, got "${raw}"` });
  return z.NEVER;
});

/** "0.1,0.2", [0.1, 0.2], or one number */
export const list = <T>(item: z.ZodType<T, string | number>) =>
  z
    .union([text, z.array(text)])
    .transform((raw) => (typeof raw === "string" ? raw.split(",").map((part) => part.trim()) : [raw].flat()))
    .pipe(z.array(item).min(1));
export const numbers = list(number(Number.isFinite, "must be numbers"));
export const columns = list(z.union([z.string(), z.number()]).transform((name) => `${name}`));

/** "32", or "32x48" as height and width. */
export const size = text.transform((raw, context): number | Size => {
  const found = /^(\d{1,5})(?:[x×](\d{1,5}))?$/.exec(`${raw}`.trim());
  const [height, width] = [Number(found?.[1]), Number(found?.[2] ?? found?.[1])];
  if (height >= 1 && width >= 1) return found![2] === undefined ? height : [height, width];
  context.addIssue({ code: "custom", message: `must be a size such as 32 or 32x48 (height x width), got "${raw}"` });
  return z.NEVER;
});

/** Two numbers, or "none" for values without a range. */
export const valueRange = z
  .union([z.literal("none").transform((): "none" => "none"), numbers])
  .transform((raw, context): "none" | readonly [black: number, white: number] => {
    if (raw === "none") return raw;
    const [black, white] = raw;
    if (raw.length === 2 && black !== white) return [black!, white!];
    context.addIssue({ code: "custom", message: "needs two different numbers black,white, or none" });
    return z.NEVER;
  });

/** Editors are offered the names as they are; other cases of their letters are taken, too. */
export const choice = <T extends string>(...names: readonly [T, ...T[]]) =>
  z
    .string()
    .meta({ enum: [...names] })
    .transform((raw, context): T => {
      const found = names.find((name) => name.toLowerCase() === raw.trim().toLowerCase());
      if (found !== undefined) return found;
      context.addIssue({
        code: "custom",
        message: `is one of ${names.join(", ")}, got "${raw}".${didYouMean(raw, names)}`,
      });
      return z.NEVER;
    });

const NORM_NAMES: Readonly<Record<string, Norm>> = { inf: "linf", "l∞": "linf", "2": "l2", "1": "l1" };
export const norm = z
  .union([z.string(), z.number()])
  .transform((raw) => NORM_NAMES[`${raw}`.toLowerCase()] ?? `${raw}`)
  .pipe(choice("linf", "l2", "l1"));
