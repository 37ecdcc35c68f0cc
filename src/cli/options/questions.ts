/** @file Options of what is asked: sets, methods, and what a decision rests on. */

import { readFileSync } from "node:fs";
import { z } from "zod";
import { usage } from "../../graph/fault.ts";
import { systemReason } from "../../local/system.ts";
import { methodChoices } from "../../methods/method-choice.ts";
import { choice, columns, flag, list, norm, number, path, radius, share, text, whole } from "../values.ts";
import { define, type OptionSpec } from "./spec.ts";

/** @throws UserError (usage) where there is no such file */
function numbersIn(file: string): string[] {
  try {
    return readFileSync(file, "utf8")
      .trim()
      .split(/[\s,;]+/);
  } catch (error) {
    throw usage(
      `--feature-epsilon ${file}: ${systemReason(error)}; name a file of numbers, or give them separated by commas`,
    );
  }
}

export const QUESTIONS = {
  epsilon: define({
    flag: "--epsilon <radius>",
    help: "radius of the set: of pictures in pixels of 0 to 1 (0.1 or 8/255), of tables in standard deviations of each feature",
    schema: radius,
  }),
  radii: define({
    flag: "--epsilon <radii>",
    help: "radius of the set: of pictures in pixels of 0 to 1 (0.1 or 8/255), of tables in standard deviations of each feature; several, separated by commas, are run in one go, and the first is the one the gate is about",
    schema: list(radius),
  }),
  epsilons: define({
    flag: "--epsilon <radii>",
    help: "radii, in the same units as attack takes, separated by commas; the first is the one the gate is about",
    schema: list(radius),
    default:
      "in linf 0.1,0.02,0.05,0.2 for grey pictures and tables (in standard deviations), 8/255,1/255,2/255,4/255 for other pictures",
  }),
  epsilonUnit: define({
    flag: "--epsilon-unit <unit>",
    help: "of data that is no pictures, what epsilon counts: std (standard deviations of each feature) or raw (the data's own units)",
    schema: choice("std", "raw"),
    default: "std",
  }),
  featureEpsilon: define({
    flag: "--feature-epsilon <radii>",
    help: "the radius of each feature in its own unit: numbers separated by commas, or a file of them; --epsilon multiplies them",
    schema: z
      .union([text, z.array(text)])
      .transform((raw) => (typeof raw === "string" && !/^[\d\s.,/e+-]+$/i.test(raw) ? numbersIn(raw) : raw))
      .pipe(list(radius)),
  }),
  fixed: define({
    flag: "--fixed <columns>",
    help: "columns that do not change, such as categories: names, or places from 1, separated by commas",
    schema: columns,
  }),
  box: define({
    flag: "--box <file>",
    help: "in place of --epsilon and --norm, the set of each input end by end, in the data's own units: an NPZ with lower and upper (each [n, input], or one for all), or for tables a CSV of two rows",
    schema: path,
  }),
  norm: define({
    flag: "--norm <norm>",
    help: "how change is measured: linf, l2 or l1",
    schema: norm,
    default: "linf",
  }),
  method: define({
    flag: "--method <name>",
    help: "method to run, its options behind it as NAME:OPTION=VALUE,OPTION=VALUE; repeat for several (see `assay methods`)",
    schema: methodChoices,
    repeatable: true,
  }),
  plugin: define({
    flag: "--plugin <file>",
    help: "JavaScript module whose methods take part: they run after those that run by default, or where they are named; repeat for several (docs/library.md says what it exports)",
    schema: z
      .union([z.string(), z.array(z.string())])
      .transform((raw) => [raw].flat())
      .pipe(z.array(path).min(1)),
    paths: true,
    repeatable: true,
  }),
  arithmetic: define({
    flag: "--arithmetic <kind>",
    help: "float32: proofs cover the rounding of the network as it runs; real: they do not, for comparison with papers",
    schema: choice("float32", "real"),
    default: "float32",
  }),
  restarts: define({
    flag: "--restarts <n>",
    help: "restarts of the attack",
    schema: whole(1),
  }),
  steps: define({ flag: "--steps <n>", help: "gradient steps a restart", schema: whole(1) }),
  stepSize: define({
    flag: "--step-size <share>",
    help: "length of a gradient step as a share of epsilon: 0.25, or 2/8 for steps of 2/255 at 8/255",
    schema: number((value) => value > 0, "must be a share of epsilon above 0 such as 0.25"),
    default: "2.5 / steps",
  }),
  loss: define({
    flag: "--loss <name>",
    help: "what the attack climbs: margin or cross-entropy",
    schema: choice("margin", "cross-entropy"),
  }),
  target: define({
    flag: "--target <class>",
    help: "class to reach; without it any wrong one will do",
    schema: whole(0),
  }),
  attack: define({ flag: "--no-attack", help: "do not look for witnesses against what is proved", schema: flag }),
  minimal: define({
    flag: "--minimal",
    help: "look for the smallest radius of each input, up to --epsilon, by halving: within which it is falsified, and of proofs the largest that is proved",
    schema: flag,
  }),
  bisections: define({
    flag: "--bisections <n>",
    help: "with --minimal, how often the bracket of an input is halved",
    schema: whole(1),
    default: "8",
  }),
  tolerance: define({
    flag: "--tolerance <width>",
    help: "with --minimal, a bracket that is no wider is not halved",
    schema: radius,
    default: "0",
  }),
  detector: define({
    flag: "--detector <name>",
    help: "detector to run, its options behind it as NAME:OPTION=VALUE,OPTION=VALUE, or all; repeat for several (see `assay methods`)",
    schema: methodChoices,
    repeatable: true,
  }),
  reference: define({
    flag: "--reference <file>",
    help: "population.json of models of the same task, which gives scores their meaning (see `assay population`)",
    schema: path,
    default: "a bundled population of the model's task and architecture, where there is one",
  }),
  gate: define({
    flag: "--gate <share>",
    help: "fail (exit 1) below this share of inputs that stay correct, exit 5 where it cannot be decided; in an audit it makes robustness part of the gate",
    schema: share,
    default: "none",
  }),
  profile: define({
    flag: "--profile <name>",
    help: "what the decision rests on: default asks for no sign of tampering and for accuracy; robust asks for robustness to adversaries, too",
    schema: choice("default", "robust"),
    default: "default",
  }),
  gateFile: define({
    flag: "--gate-file <file>",
    help: "JSON file of a gate of one's own: name, decides, minAccuracy, minRobust, maxPatch",
    schema: path,
  }),
  minAccuracy: define({
    flag: "--min-accuracy <share>",
    help: "the least accuracy on unchanged inputs that is enough",
    schema: share,
    default: "0.9",
  }),
  maxPatch: define({
    flag: "--max-patch <share>",
    help: "the largest share of inputs of other classes that one small patch may send to one class",
    schema: share,
    default: "0.5",
  }),
  maxDrop: define({
    flag: "--max-drop <share>",
    help: "a rate may drop by this share, such as 0.01, before it is a regression",
    schema: share,
    default: "0",
  }),
  explain: define({ flag: "--explain <name>", help: "all that is known of one method", schema: z.string() }),
} as const satisfies Readonly<Record<string, OptionSpec>>;
