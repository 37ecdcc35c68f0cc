/**
 * @file Every option once: its flag, its words, and how its value is checked, from the command line or a config file.
 * The verbs pick from this table; help, `--config` and docs/cli.md follow from it.
 */

import { readFileSync } from "node:fs";
import { z } from "zod";
import type { StatedContract } from "../data/contract.ts";
import type { Size } from "../data/sizing.ts";
import type { StatedUnit } from "../data/units.ts";
import { usage } from "../graph/fault.ts";
import { didYouMean } from "../graph/suggest.ts";
import type { ReadingOptions } from "../local/inputs.ts";
import { systemReason } from "../local/system.ts";
import { methodChoices } from "./method-choice.ts";
import {
  bytes,
  choice,
  columns,
  duration,
  flag,
  list,
  norm,
  number,
  numbers,
  path,
  radius,
  share,
  size,
  text,
  valueRange,
  whole,
} from "./values.ts";

export interface OptionSpec<T = unknown> {
  /** As commander takes it: `--epsilon <radius>`. */
  readonly flag: string;
  readonly help: string;
  /** Takes what the command line gives (strings, or `true`) and what JSON gives. */
  readonly schema: z.ZodType<T>;
  /** What holds when it is not given, in words; the value itself is the schema's default. */
  readonly default?: string;
  readonly repeatable?: boolean;
}

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

const define = <T>(spec: OptionSpec<T>): OptionSpec<T> => spec;

export const OPTIONS = {
  output: define({
    flag: "--output <name>",
    help: "the output of the file that holds the class scores",
    schema: z.string().min(1, "must name an output"),
    default: "the only one, or the only one of floats",
  }),
  input: define({
    flag: "--input <name>",
    help: "the input of the file that takes the data",
    schema: z.string().min(1, "must name an input"),
    default: "the only one that the scores depend on",
  }),
  bind: define({
    flag: "--bind <name=value>",
    help: "a value for another input that the scores depend on: a number for all its elements, or a .npy file; repeat for several",
    schema: z
      .union([z.string(), z.array(z.string())])
      .transform((raw) => [raw].flat())
      .pipe(z.array(z.string().regex(/^[^=]+=./, "needs NAME=VALUE"))),
    repeatable: true,
  }),
  data: define({
    flag: "--data <source>",
    help: "inputs: a file or folder (IDX, CIFAR, NPY, NPZ, CSV, PNG, JPEG), or bundled digits (mnist, mnist:train, mnist:all)",
    schema: path,
  }),
  labels: define({ flag: "--labels <file>", help: "labels, where they are not beside the data", schema: path }),
  limit: define({ flag: "--limit <n>", help: "use the first n inputs", schema: whole(1) }),
  sample: define({
    flag: "--sample <n>",
    help: "use n inputs drawn at random, by class",
    schema: whole(1),
    default: "all",
  }),
  labelColumn: define({
    flag: "--label-column <column>",
    help: "the column of labels of a CSV file: its name, or its place from 1, or last",
    schema: text.transform((column) => `${column}`),
    default: "the one called label, class, target or y",
  }),
  firstLabel: define({
    flag: "--first-label <n>",
    help: "what the data calls its first label, where labels are numbers",
    schema: number(Number.isSafeInteger, "must be a whole number"),
    default: "0",
  }),
  dataRange: define({
    flag: "--data-range <black,white>",
    help: "what black and white are in the data, where its values do not tell; none: they are no pixels",
    schema: valueRange,
  }),
  channels: define({
    flag: "--channels <kind>",
    help: "bring pictures to rgb (grey is copied to three channels) or to grey (colours are weighed)",
    schema: choice("rgb", "grey"),
    default: "as in the data",
  }),
  channelOrder: define({
    flag: "--channel-order <order>",
    help: "the order in which the model takes colours: rgb or bgr; --mean and --std are in that order",
    schema: choice("rgb", "bgr"),
    default: "rgb",
  }),
  resize: define({
    flag: "--resize <size>",
    help: "bring pictures to this size, such as 32 or 32x48 (height x width): bilinear, antialiased where they shrink; with --crop, one number is the shorter side",
    schema: size,
  }),
  crop: define({
    flag: "--crop <size>",
    help: "keep the middle of pictures, such as 224 or 224x192 (height x width), after --resize",
    schema: size.transform((both): Size => (typeof both === "number" ? [both, both] : both)),
  }),
  rowOrder: define({
    flag: "--row-order <order>",
    help: "how rows hold pictures: NCHW, one channel after the other, or NHWC, the channels of each pixel together",
    schema: choice("NCHW", "NHWC"),
  }),
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
    help: "of data that is no pictures, what epsilon counts: spread (standard deviations of each feature) or raw (the data's own units)",
    schema: choice("spread", "raw"),
    default: "spread",
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
  training: define({
    flag: "--training <source>",
    help: "the data that the model was trained on, for detectors that search it for poison",
    schema: path,
  }),
  images: define({
    flag: "--images <n>",
    help: "inputs that detectors see, drawn at random, by class",
    schema: whole(1),
    default: "400, or as many as the reference population's members were scanned with",
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
  from: define({
    flag: "--from <files...>",
    help: "in place of a recipe, clean models of one's own: ONNX files of one architecture, scanned with --data and not trained",
    schema: z
      .union([z.string(), z.array(z.string())])
      .transform((raw) => [raw].flat())
      .pipe(z.array(path).min(1)),
    repeatable: true,
  }),
  seed: define({ flag: "--seed <n>", help: "root of all random numbers", schema: whole(0), default: "0" }),
  timeout: define({
    flag: "--timeout <seconds>",
    help: "most time for one input; what takes longer is unknown",
    schema: number((value) => value > 0, "must be a number of seconds above 0"),
  }),
  budget: define({
    flag: "--budget <time>",
    help: "most time for the whole audit, as 90, 90s, 3m or none; what it does not get to is said and counts as not examined",
    schema: duration,
    default: "3m",
  }),
  jobs: define({ flag: "--jobs <n>", help: "worker threads", schema: whole(1), default: "one per core" }),
  memory: define({
    flag: "--memory <bytes>",
    help: "what the intermediate results of one run may take on each thread, such as 256MB or 2GB; the weights come on top",
    schema: bytes,
    default: "256MB",
  }),
  device: define({
    flag: "--device <name>",
    help: "where graphs run: cpu or webgpu",
    schema: choice("cpu", "webgpu"),
    default: "cpu",
  }),
  json: define({ flag: "--json", help: "write results as JSON to stdout", schema: flag }),
  out: define({
    flag: "--out <path>",
    help: "write results to this file, the report to this folder",
    schema: path,
    default: "audit: report; population: the name of the recipe; bench: report/bench-backdoor",
  }),
  minimal: define({
    flag: "--minimal",
    help: "look for the smallest radius of each input, up to --epsilon, by halving: within which it is broken, and of proofs the largest that is proved",
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
  csv: define({
    flag: "--csv <file>",
    help: "write results to this file as a table (CSV, RFC 4180), a line an input",
    schema: path,
  }),
  witnesses: define({
    flag: "--witnesses <folder>",
    help: "write witnesses as NPZ files into this folder; results name file and row",
    schema: path,
    default: "with the results; a folder beside --out where they are over 1 MB",
  }),
  saveInputs: define({
    flag: "--save-inputs <folder>",
    help: "write the adversarial inputs as data into this folder: inputs.npz, exactly, and pictures also as PNG in png, a folder a label; each is read back and asked of the model again, and what rounding to 8 bits undoes goes to png-lost",
    schema: path,
  }),
  page: define({
    flag: "--page <file>",
    help: "write the page to this Markdown file, its plots into a folder beside it",
    schema: path,
    default: "evaluation.md in the folder --out",
  }),
  config: define({ flag: "--config <file>", help: "JSON file of these options; the command line wins", schema: path }),
  resume: define({
    flag: "--resume",
    help: "take finished parts of an interrupted run from .assay instead of computing them again",
    schema: flag,
  }),
  arithmetic: define({
    flag: "--arithmetic <kind>",
    help: "float32: proofs cover the rounding of the network as it runs; real: they do not, for comparison with papers",
    schema: choice("float32", "real"),
    default: "float32",
  }),
  mean: define({
    flag: "--mean <numbers>",
    help: "subtracted from pixels of --range, one or one a channel",
    schema: numbers,
  }),
  std: define({ flag: "--std <numbers>", help: "divides what is left, one or one a channel", schema: numbers }),
  range: define({
    flag: "--range <black,white>",
    help: "what black and white are to the model",
    schema: numbers.pipe(z.tuple([z.number(), z.number()], "needs two numbers: black,white")),
    default: "0,1",
  }),
  preprocessing: define({
    flag: "--preprocessing <how>",
    help: "auto: find --mean, --std, --range and --channel-order by the model's answers, used only where one usual way is clearly best; else the inputs stay as they are",
    schema: choice("stated", "auto"),
    default: "stated",
  }),
  layout: define({
    flag: "--layout <order>",
    help: "order of the model's axes: NCHW, NHWC or flat",
    schema: choice("NCHW", "NHWC", "flat"),
  }),
  classOrder: define({
    flag: "--class-order <labels>",
    help: "the data's label for each output of the model",
    schema: numbers,
  }),
  force: define({
    flag: "--force",
    help: "go on although the accuracy cannot be told from chance",
    schema: flag,
  }),
  restarts: define({
    flag: "--restarts <n>",
    help: "starts of the attack",
    schema: whole(1),
  }),
  steps: define({ flag: "--steps <n>", help: "gradient steps a start", schema: whole(1) }),
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
  poison: define({
    flag: "--poison <json>",
    help: "plant a backdoor: JSON of poison options, or a file of it (docs/training.md); wins over the recipe's",
    schema: z.string().min(1, "must be JSON or name a file"),
  }),
  explain: define({ flag: "--explain <name>", help: "all that is known of one method", schema: z.string() }),
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
    help: "the largest share of inputs of other classes that one small patch may move to one class",
    schema: share,
    default: "0.5",
  }),
  maxDrop: define({
    flag: "--max-drop <share>",
    help: "a rate may drop by this share, such as 0.01, before it is a regression",
    schema: share,
    default: "0",
  }),
} as const satisfies Readonly<Record<string, OptionSpec>>;

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
