/** @file The parts that a report's schema is made of. Every type is inferred from what is checked. */

import { z } from "zod";
import { EVIDENCE_CLASSES, SEVERITIES } from "../studies/audit/codes.ts";
import { base64ByteLength } from "./base64.ts";

/** An object with these keys and no others. */
export const record = <S extends z.core.$ZodLooseShape>(shape: S) => z.strictObject(shape).readonly();
export const list = <T extends z.ZodType>(item: T) => z.array(item).readonly();

export const text = z.string();
export const count = z.int().min(0);
export const share = z.number().min(0).max(1);
export const nonNegative = z.number().min(0);

/** Another program may have rounded the quotient when it wrote the file. */
const DIVISION_TOLERANCE = 1e-9;

/** A `Proportion` of at least one input, with its exact interval. */
export const rate = record({
  estimate: share,
  lower: share,
  upper: share,
  successes: count,
  trials: count.min(1),
  confidence: z.number().gt(0).lt(1),
})
  .refine((r) => r.successes <= r.trials, "more successes than trials.")
  .refine(
    (r) => Math.abs(r.estimate - r.successes / r.trials) < DIVISION_TOLERANCE,
    "the estimate is not successes / trials.",
  )
  .refine((r) => r.lower <= r.estimate && r.estimate <= r.upper, "the estimate lies outside its interval.");

/** A number that is not a share: a distance, a score, a time. */
const quantity = record({
  value: z.number(),
  unit: text,
  interval: z.tuple([z.number(), z.number()]).readonly().nullable(),
  /** How many inputs or runs the number rests on; `null` where the label says it. */
  samples: count.nullable(),
});
export type Quantity = z.infer<typeof quantity>;

export const figure = z.union([record({ label: text, rate }), record({ label: text, quantity })], {
  error: 'expected a label with a valid "rate" or "quantity".',
});
export type Figure = z.infer<typeof figure>;

export const evidence = z.enum(EVIDENCE_CLASSES);
export const severity = z.enum(SEVERITIES);

/** Pictures are thumbnails; a larger side is a damaged or hostile file, not an example. */
const LARGEST_SIDE = 4096;
const side = z.int().min(1).max(LARGEST_SIDE);

/** Pixels in rows, channels interleaved, one byte each, base64; 1 channel is grey, 3 are red, green and blue. */
export const picture = record({
  width: side,
  height: side,
  channels: z.union([z.literal(1), z.literal(3)]),
  pixels: text,
}).refine((p) => base64ByteLength(p.pixels) === p.width * p.height * p.channels, "pixels do not fill the picture.");
export type Picture = z.infer<typeof picture>;
