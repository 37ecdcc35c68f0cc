/** @file Pieces of the options of training methods. */

import { z } from "zod";
import type { Ramp } from "./schedules.ts";

export const natural = z.int().min(1);
export const nonNegative = z.number().min(0);
export const share = z.number().min(0).max(1);

/** A number from 0, or a fraction such as "8/255". */
export const radius = z
  .union([
    nonNegative,
    z.string().regex(/^\s*\d+(\.\d+)?\s*\/\s*\d+(\.\d+)?\s*$/, 'a number or a fraction such as "8/255"'),
  ])
  .transform((value) => {
    if (typeof value === "number") return value;
    const [numerator, denominator] = value.split("/").map(Number) as [number, number];
    return numerator / denominator;
  })
  .refine(Number.isFinite, "must be finite");

/** Epochs in which epsilon grows from 0 to its full size. */
export const ramp = z
  .strictObject({ kind: z.enum(["linear", "smoothed"]).default("linear"), start: nonNegative, end: nonNegative })
  .refine(({ start, end }) => end >= start, "a ramp ends after it starts") satisfies z.ZodType<Ramp>;
