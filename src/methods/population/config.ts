/** @file The recipe of a population, as JSON: parsed once here, and laid out as the members to train. */

import { z } from "zod";
import { rng } from "../../random/rng.ts";
import { type MethodChoice, readChoices } from "../method-choice.ts";
import { type PoisonConfig, poisonSchema } from "../poison/config.ts";
import { parseTrainConfig, type TrainConfig, TrainConfigError } from "../train/config.ts";

/** The recipe of a population is wrong; the message names the key. */
export class PopulationRecipeError extends Error {
  override readonly name = "PopulationRecipeError";
  readonly fault = "usage";
}

const natural = z.int().min(1);
const rawOptions = z.record(z.string(), z.unknown());

/** A detector's id, or the id with how many members it scans; either with settings: `ID:SETTING=VALUE,SETTING=VALUE`. */
export const detectorUse = z
  .union([
    z.string(),
    z.strictObject({
      /** As the string alone. */
      id: z.string(),
      /** The first so many members of each group. Default: all. */
      perGroup: natural.optional(),
      /** The same for clean members. Default: `perGroup`. */
      clean: natural.optional(),
    }),
  ])
  .transform((use, context): DetectorUse => {
    const { id, perGroup, clean }: { id: string; perGroup?: number | undefined; clean?: number | undefined } =
      typeof use === "string" ? { id: use } : use;
    const [choice, ...more] = readChoices(id) ?? [];
    if (choice && more.length === 0) {
      return {
        id: choice.name,
        options: choice.options,
        perGroup: perGroup ?? Infinity,
        clean: clean ?? perGroup ?? Infinity,
      };
    }
    context.addIssue({ code: "custom", message: `a detector is ID or ID:SETTING=VALUE,SETTING=VALUE, got "${id}"` });
    return z.NEVER;
  });

/** A detector and how many members it scans: the first ones of each group. */
export interface DetectorUse {
  readonly id: string;
  /** As stated, in text. */
  readonly options: MethodChoice["options"];
  readonly perGroup: number;
  readonly clean: number;
}

const recipeSchema = z.strictObject({
  /** Names the population in reports. */
  name: z.string().min(1),
  /** A training recipe without `seed` and `poison`. */
  train: rawOptions,
  scan: z
    .strictObject({
      /** Held-out inputs that every member is scanned with: what `--data` takes. */
      data: z.string(),
      /** Drawn by class. */
      images: natural.default(400),
      seed: z.int().min(0).default(0),
    })
    .optional(),
  /** Of the first member; each next one has the next number. */
  seed: z.int().min(0).default(0),
  clean: natural,
  backdoored: z
    .array(
      z.strictObject({
        /** The group that its members belong to. */
        name: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/i, "letters, digits, points and hyphens: it names files"),
        count: natural,
        /** As in a training recipe; the target comes from `targets`. */
        poison: rawOptions,
        /** One class for all, or every class in turn. Default: the poison's own target, else balanced. */
        targets: z.union([z.literal("balanced"), z.int().min(0)]).optional(),
      }),
    )
    .default([]),
  /** The detectors that scan the members. */
  detectors: z.array(detectorUse).default([]),
});

type Raw = z.output<typeof recipeSchema>;

/** Held-out inputs, where the recipe does not name any. */
const DEFAULT_SCAN = { data: "mnist:test", images: 400, seed: 0 } as const;

export interface PoisonedGroup {
  readonly name: string;
  readonly count: number;
  /** As stated, without target. */
  readonly poison: Readonly<Record<string, unknown>>;
  /** The same, checked. */
  readonly parsed: PoisonConfig;
  readonly targets: "balanced" | number;
}

export interface PopulationRecipe {
  readonly name: string;
  /** As stated. */
  readonly train: Readonly<Record<string, unknown>>;
  readonly scan: { readonly data: string; readonly images: number; readonly seed: number };
  readonly seed: number;
  readonly clean: number;
  readonly backdoored: readonly PoisonedGroup[];
  readonly detectors: readonly DetectorUse[];
}

/** @throws PopulationRecipeError, one line naming every key that is wrong, missing or unknown */
export function parsePopulationRecipe(raw: unknown): PopulationRecipe {
  const result = recipeSchema.safeParse(raw);
  if (!result.success) throw recipeError(result.error.issues.map((issue) => factOf(issue)));
  const { train, scan, backdoored, ...rest } = result.data;
  for (const key of ["seed", "poison"]) {
    if (Object.hasOwn(train, key)) throw recipeError([`train.${key}: belongs to each member; ${INSTEAD[key]}`]);
  }
  const config = trainConfig(train, "train");
  if (typeof config.architecture !== "string" && "onnx" in config.architecture)
    throw recipeError([
      'train.architecture: members begin with weights of their own; name an architecture, or say { "like": FILE } for that of a file',
    ]);
  const groups = backdoored.map(parseGroup);
  const names = ["clean", ...groups.map(({ name }) => name)];
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw recipeError([`backdoored: two groups are called "${twice}"`]);
  groups.forEach(({ poison }, i) => {
    trainConfig({ ...train, poison: { ...poison, target: 0 } }, `backdoored.${i}`);
  });
  const heldOut = { ...DEFAULT_SCAN, ...(config.validation !== undefined && { data: config.validation }) };
  return { ...rest, train, scan: scan ?? heldOut, backdoored: groups };
}

const INSTEAD: Readonly<Record<string, string>> = {
  seed: "state the first one as `seed` of the population",
  poison: "state it in `backdoored`",
};

function parseGroup({ name, count, poison, targets }: Raw["backdoored"][number], i: number): PoisonedGroup {
  const place = `backdoored.${i}`;
  const parsed = poisonSchema.safeParse(poison);
  if (!parsed.success) throw recipeError(parsed.error.issues.map((issue) => factOf(issue, `${place}.poison`)));
  const { target, ...rest } = poison as { readonly target?: number };
  if (target !== undefined && targets !== undefined && targets !== target) {
    throw recipeError([`${place}: states the target ${target} and the targets ${targets}; leave one of them out`]);
  }
  return { name, count, poison: rest, parsed: parsed.data, targets: targets ?? target ?? "balanced" };
}

function trainConfig(raw: unknown, place: string): TrainConfig {
  try {
    return parseTrainConfig(raw);
  } catch (error) {
    if (!(error instanceof TrainConfigError)) throw error;
    throw recipeError([`${place}: ${error.message}`]);
  }
}

const recipeError = (facts: readonly string[]): PopulationRecipeError =>
  new PopulationRecipeError(`population recipe: ${facts.join("; ")}`);

function factOf(issue: z.core.$ZodIssue, prefix = ""): string {
  const path = [...(prefix === "" ? [] : [prefix]), ...issue.path.map(String)].join(".") || "options";
  if (issue.code !== "unrecognized_keys") return `${path}: ${issue.message}`;
  const known = prefix === "" && issue.path.length === 0 ? `; known are ${Object.keys(recipeSchema.shape)}` : "";
  return `${path}: unknown ${issue.keys.map((key) => `"${key}"`).join(", ")}${known}`;
}

/** A member before it is trained. */
export interface PlannedMember {
  readonly id: string;
  readonly group: string;
  readonly seed: number;
  readonly config: TrainConfig;
  readonly target: number | null;
}

/**
 * All members, clean ones first; member i has the seed `seed + i`.
 * @param classes of the training data
 * @throws PopulationRecipeError for a target beyond the classes
 */
export function planMembers(recipe: PopulationRecipe, classes: number): PlannedMember[] {
  const { train, seed: first, clean } = recipe;
  const members: PlannedMember[] = [];
  const add = (group: string, target: number | null, poison?: Readonly<Record<string, unknown>>) => {
    const seed = first + members.length;
    const config = parseTrainConfig({ ...train, seed, ...(poison && { poison }) });
    members.push({ id: `${group}-${seed}`, group, seed, config, target });
  };
  for (let i = 0; i < clean; i++) add("clean", null);
  for (const group of recipe.backdoored) {
    const targets = targetsOf(group, classes, first);
    for (let i = 0; i < group.count; i++) {
      const target = targets[i % targets.length]!;
      const allToAll = group.parsed.mapping === "all-to-all";
      add(group.name, allToAll ? null : target, { ...group.poison, target });
    }
  }
  return members;
}

/** The classes that the group's members lead to, in turn. */
function targetsOf({ name, targets, parsed }: PoisonedGroup, classes: number, seed: number): number[] {
  if (targets !== "balanced") {
    if (targets < classes) return [targets];
    throw recipeError([`the target ${targets} of "${name}" is beyond the ${classes} classes, 0 to ${classes - 1}`]);
  }
  const source = parsed.kind === "patch" ? parsed.source : undefined;
  const possible = Array.from({ length: classes }, (_, k) => k).filter((k) => k !== source);
  const start = rng(seed).split("population").split(`targets/${name}`).int(possible.length);
  return [...possible.slice(start), ...possible.slice(0, start)];
}
