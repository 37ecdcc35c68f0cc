/** @file Options of where and how is computed, and where results go. */

import { z } from "zod";
import { bytes, choice, duration, flag, number, path, whole } from "../values.ts";
import { define, type OptionSpec } from "./spec.ts";

export const RUNS = {
  from: define({
    flag: "--from <files...>",
    help: "in place of a recipe, clean models of one's own: ONNX files of one architecture, scanned with --data and not trained",
    schema: z
      .union([z.string(), z.array(z.string())])
      .transform((raw) => [raw].flat())
      .pipe(z.array(path).min(1)),
    paths: true,
    repeatable: true,
  }),
  like: define({
    flag: "--like <model>",
    help: "train clean models of this ONNX file's architecture, each from weights of its own, on --training, and scan them with --data; a recipe says what else there is to say of training",
    schema: path,
  }),
  members: define({
    flag: "--members <n>",
    help: "with --like, how many clean models are trained",
    schema: whole(1),
    default: "20: with fewer no p-value is below 0.05",
  }),
  epochs: define({
    flag: "--epochs <n>",
    help: "with --like, how often each sees the training data",
    schema: whole(1),
    default: "the recipe's, or 10",
  }),
  seed: define({ flag: "--seed <n>", help: "seed of all random numbers", schema: whole(0), default: "0" }),
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
    default:
      "audit: report; population: the name of the recipe; bench: report/bench-backdoor, report/bench-vnncomp/CATEGORY",
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
  poison: define({
    flag: "--poison <json>",
    help: "plant a backdoor: JSON of poison options, or a file of it (docs/training.md); wins over the recipe's",
    schema: z.string().min(1, "must be JSON or name a file"),
  }),
} as const satisfies Readonly<Record<string, OptionSpec>>;
