/** @file The table of training methods: recipes, their options and the docs are made from it. */

import { z } from "zod";
import { defineFamily } from "../family.ts";
import { ibp } from "./methods/ibp.ts";
import { pgd } from "./methods/pgd.ts";
import { plain } from "./methods/plain.ts";
import type { Objective, TrainingMethod } from "./types.ts";

export const trainingMethods = [plain, pgd, ibp] as const satisfies readonly TrainingMethod[];

type ChoiceOf<M> =
  M extends TrainingMethod<infer Id, infer Options>
    ? z.output<z.ZodObject<{ readonly kind: z.ZodLiteral<Id> } & Options>>
    : never;

/** A method by its id, with its options. */
export type MethodChoice = ChoiceOf<(typeof trainingMethods)[number]>;

const choices = trainingMethods.map(({ id, options }) => z.strictObject({ kind: z.literal(id), ...options.shape }));

// the union of the table's members cannot be inferred from a mapped array
export const methodChoice = z.discriminatedUnion("kind", choices as never) as unknown as z.ZodType<MethodChoice>;

export const trainingMethodOf = (id: MethodChoice["kind"]): TrainingMethod =>
  trainingMethods.find((method) => method.id === id)!;

export const objectiveOf = ({ kind, ...options }: MethodChoice): Objective =>
  trainingMethodOf(kind).objective(options as never);

export const trainFamily = defineFamily<TrainingMethod>({
  id: "train",
  verb: "train",
  noun: "training method",
  about: "training methods make networks, by recipes: what they promise is measured afterwards, by the others",
  methods: trainingMethods as unknown as readonly TrainingMethod[],
  standard: [plain as unknown as TrainingMethod],
  schema: ({ options }) => options,
  use: () => "assay train RECIPE",
  pages: "training",
  scope: { name: "options", of: ({ options }) => Object.keys(options.shape).join(", ") || "none" },
  facts: ({ options }) => [["Options", Object.keys(options.shape).join(", ") || "none"]],
  plain: ({ options }) => ({ options: Object.keys(options.shape) }),
});
