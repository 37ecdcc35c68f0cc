/** @file The verbs, each with its words and options; the program, the docs and `--config` are made from this table. */

import type { OptionKey } from "./options.ts";

export interface Verb {
  readonly name: string;
  readonly argument?: string;
  readonly argumentHelp?: string;
  /** A second word that may be left out. */
  readonly second?: { readonly name: string; readonly help: string };
  readonly summary: string;
  readonly details: string;
  readonly options: readonly OptionKey[];
  /** @returns the exit code */
  readonly run: (argument: string, raw: Readonly<Record<string, unknown>>, io: Io) => Promise<number>;
}

/** What a verb may touch of the process. */
export interface Io {
  /** Results. Resolves when written; throws on a full disk. */
  readonly print: (text: string) => Promise<void>;
  readonly stderr: NodeJS.WriteStream;
  /** Fires on Ctrl-C. */
  readonly signal: AbortSignal;
  /** As typed, for reports. */
  readonly command: string;
  /** The verb's second word, where it was given. */
  readonly second?: string | undefined;
}

const DATA = ["data", "labels", "limit", "sample"] as const satisfies readonly OptionKey[];
const READING = [
  "labelColumn",
  "firstLabel",
  "dataRange",
  "channels",
  "resize",
] as const satisfies readonly OptionKey[];
const UNITS = ["epsilonUnit", "featureEpsilon", "fixed"] as const satisfies readonly OptionKey[];
const CONTRACT = [
  "mean",
  "std",
  "range",
  "layout",
  "channelOrder",
  "classOrder",
  "force",
] as const satisfies readonly OptionKey[];
const RUN = ["seed", "timeout", "jobs", "memory", "device", "resume"] as const satisfies readonly OptionKey[];
const MODEL = ["output", "input", "bind"] as const satisfies readonly OptionKey[];
const OUTPUT = ["json", "out", "config"] as const satisfies readonly OptionKey[];
const CLIMB = ["restarts", "steps", "loss"] as const satisfies readonly OptionKey[];

export const ATTACK_OPTIONS = [
  ...MODEL,
  ...DATA,
  ...READING,
  "epsilon",
  ...UNITS,
  "box",
  "norm",
  "method",
  ...CLIMB,
  "target",
  "gate",
  ...RUN,
  ...CONTRACT,
  "witnesses",
  ...OUTPUT,
] as const satisfies readonly OptionKey[];

export const CERTIFY_OPTIONS = [
  ...MODEL,
  ...DATA,
  ...READING,
  "epsilon",
  ...UNITS,
  "box",
  "norm",
  "method",
  "arithmetic",
  "attack",
  "gate",
  ...RUN,
  ...CONTRACT,
  "witnesses",
  ...OUTPUT,
] as const satisfies readonly OptionKey[];

export const AUDIT_OPTIONS = [
  ...MODEL,
  ...DATA,
  ...READING,
  "epsilons",
  ...UNITS,
  "norm",
  "method",
  "arithmetic",
  "restarts",
  "steps",
  "reference",
  "budget",
  "gate",
  ...RUN,
  ...CONTRACT,
  ...OUTPUT,
] as const satisfies readonly OptionKey[];

export const BACKDOOR_OPTIONS = [
  ...MODEL,
  "data",
  "labels",
  ...READING,
  "fixed",
  "images",
  "training",
  "detector",
  "reference",
  "seed",
  "jobs",
  "device",
  "resume",
  ...CONTRACT,
  ...OUTPUT,
] as const satisfies readonly OptionKey[];

export const TRAIN_OPTIONS = [
  "data",
  "seed",
  "poison",
  "out",
  "resume",
  "json",
] as const satisfies readonly OptionKey[];
export const POPULATION_OPTIONS = ["out", "jobs", "resume", "json"] as const satisfies readonly OptionKey[];
export const BENCH_OPTIONS = ["out", "page", "jobs", "resume", "json"] as const satisfies readonly OptionKey[];
export const INSPECT_OPTIONS = [...MODEL, "json", "out"] as const satisfies readonly OptionKey[];
export const METHODS_OPTIONS = ["explain", "json"] as const satisfies readonly OptionKey[];
export const REPORT_OPTIONS = ["out", "json"] as const satisfies readonly OptionKey[];

export const VERBS: readonly Verb[] = [
  {
    name: "audit",
    argument: "model",
    argumentHelp: "ONNX file",
    summary: "examine a model and decide: ship, do not ship, or cannot tell",
    details:
      "Attacks the model at several radii, proves what can be proved, looks for planted triggers, and writes report/index.html and report/report.json.",
    options: AUDIT_OPTIONS,
    run: async (...args) => (await import("./commands/audit.ts")).audit(...args),
  },
  {
    name: "attack",
    argument: "model",
    argumentHelp: "ONNX file",
    summary: "look for small changes of inputs that change the model's answer",
    details:
      "Every witness is run again through the model file and measured before it is reported. What is not found is unknown, not safe.",
    options: ATTACK_OPTIONS,
    run: async (...args) => (await import("./commands/attack.ts")).attack(...args),
  },
  {
    name: "certify",
    argument: "model",
    argumentHelp: "ONNX file",
    summary: "prove that no small change of an input changes the model's answer",
    details:
      "Methods run in the order of the table until one proves the input; a quick attack then tells what is broken from what is unknown. An input both proved and broken is a soundness alarm: exit 4, with both pieces of evidence saved.",
    options: CERTIFY_OPTIONS,
    run: async (...args) => (await import("./commands/certify.ts")).certify(...args),
  },
  {
    name: "backdoor",
    argument: "model",
    argumentHelp: "ONNX file",
    summary: "look for a planted backdoor, and name the class that it leads to",
    details:
      "Detectors examine the model by itself, and with --data by its answers to noisy inputs. Against a reference population of clean models the answer has a known rate of false alarms; without one it is a heuristic. Exit code 0: not flagged, 1: flagged, 5: undecided.",
    options: BACKDOOR_OPTIONS,
    run: async (...args) => (await import("./commands/backdoor.ts")).backdoor(...args),
  },
  {
    name: "train",
    argument: "recipe",
    argumentHelp: "JSON file of training options",
    summary: "train a model by a recipe: plain, adversarial, or for certification",
    details: "Writes an ONNX file. Ctrl-C keeps a checkpoint beside it; --resume goes on from there.",
    options: TRAIN_OPTIONS,
    run: async (...args) => (await import("./commands/train.ts")).train(...args),
  },
  {
    name: "population",
    argument: "recipe",
    argumentHelp: "JSON file: how to train, how many clean and backdoored members, which detectors",
    summary: "train many models by one recipe, clean and backdoored, and scan them: what a score is compared with",
    details:
      "Writes the models and population.json into the folder --out. Ctrl-C keeps what is finished; --resume goes on from there.",
    options: POPULATION_OPTIONS,
    run: async (...args) => (await import("./commands/population.ts")).population(...args),
  },
  {
    name: "bench",
    argument: "subject",
    argumentHelp: "what is evaluated: backdoor",
    second: { name: "config", help: "JSON file of tasks, populations and detectors" },
    summary: "evaluate detectors on fresh models, clean and backdoored: what they find, what they miss, what they cost",
    details:
      "Trains the populations of the configuration, by default the package's own, scans them, and writes evaluation.json and a page with plots. Ctrl-C keeps what is finished; --resume goes on from there.",
    options: BENCH_OPTIONS,
    run: async (...args) => (await import("./commands/bench.ts")).bench(...args),
  },
  {
    name: "inspect",
    argument: "model",
    argumentHelp: "ONNX file",
    summary: "show a model's nodes and which examinations each of them allows",
    details:
      "For each node: op, shape, parameters, and whether gradients, intervals and linear bounds pass through it.",
    options: INSPECT_OPTIONS,
    run: async (...args) => (await import("./commands/inspect.ts")).inspect(...args),
  },
  {
    name: "report",
    argument: "results",
    argumentHelp: "report.json of an audit",
    summary: "make the page of an audit again from its results",
    details: "Writes index.html beside the results, or into the folder --out.",
    options: REPORT_OPTIONS,
    run: async (...args) => (await import("./commands/report.ts")).report(...args),
  },
  {
    name: "methods",
    summary: "list all methods, or explain one",
    details: "What each method finds or proves, for which norms, and where it is published.",
    options: METHODS_OPTIONS,
    run: async (...args) => (await import("./commands/methods.ts")).methods(...args),
  },
];
