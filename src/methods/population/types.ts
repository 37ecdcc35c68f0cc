/**
 * @file Populations: many models of one task trained by one recipe, some of them backdoored, each scanned by detectors.
 * Clean members are the reference that gives a score its meaning; the JSON file of a population is exactly this.
 */

import { z } from "zod";

/** Raised when a reader of the previous version would misread the file. */
export const POPULATION_SCHEMA = 1;

const nullableNumber = z.number().nullable();

/** What a detector said of a member, evidence that a decision needs included (for titration: its curves). */
export const scanSchema = z.object({
  version: z.int(),
  /** Those in which the detector ran otherwise than it does by itself; absent where there are none. */
  settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).optional(),
  flagged: z.boolean().nullable(),
  score: nullableNumber,
  pValue: nullableNumber,
  target: nullableNumber,
  /** Processor time on one core. */
  seconds: z.number(),
  evidence: z.record(z.string(), z.unknown()),
});
export type Scan = z.output<typeof scanSchema>;

export const memberSchema = z.object({
  id: z.string(),
  /** `clean`, or the name of the poisoning in the recipe. */
  group: z.string(),
  seed: z.int(),
  /** As in a training recipe; `null` for clean members. */
  poison: z.record(z.string(), z.unknown()).nullable(),
  /** The class that the trigger leads to; `null` for clean members and for all-to-all. */
  target: nullableNumber,
  sha256: z.string(),
  /** On the recipe's test data. */
  cleanAccuracy: z.number(),
  /** Share of test inputs of other classes that the trigger sends where it should; `null` for clean members. */
  attackSuccess: nullableNumber,
  /** Backdoored members: success ≥ .90, and clean accuracy within 2 points of the clean members' median. */
  accepted: z.boolean(),
  trainSeconds: z.number(),
  /** By detector. */
  scans: z.record(z.string(), scanSchema),
});
export type Member = z.output<typeof memberSchema>;

export const populationSchema = z.object({
  schema: z.literal(POPULATION_SCHEMA),
  name: z.string(),
  /** What a model must have in common with the members for their scores to be comparable. */
  task: z.object({
    /** Of one input, as in the data set: [C, H, W]. */
    shape: z.array(z.int()),
    classes: z.int(),
    /** Hash of the network's structure (ops and shapes, not weights). */
    architecture: z.string(),
    architectureName: z.string(),
    /** Median over the clean members of each layer's `weightScales`. */
    weightScales: z.array(z.number()),
    /** Of the scanned inputs, pixels in [0, 1]: what tells digits from clothes of the same shape. */
    data: z.object({
      name: z.string(),
      mean: z.number(),
      std: z.number(),
      /** Mean picture, coarse: 7 × 7 block means of the first channel where the inputs are pictures, else empty. */
      coarse: z.array(z.number()),
    }),
  }),
  /** Settings that every scan shares. */
  scan: z.object({ data: z.string(), images: z.int(), seed: z.int() }),
  /** The training recipe without seed and poison. */
  recipe: z.record(z.string(), z.unknown()),
  members: z.array(memberSchema),
});
export type Population = z.output<typeof populationSchema>;
