import type { Options } from "../options.ts";
import { describeVerb } from "../verb.ts";

export const benchVerb = describeVerb({
  name: "bench",
  argument: "subject",
  argumentHelp: "what is evaluated: backdoor or vnncomp",
  second: {
    name: "of",
    help: "backdoor: JSON file of tasks, populations and detectors; vnncomp: a category's folder, with instances.csv",
  },
  summary: "evaluate detectors on fresh models, or `verify` on a category of the verification competitions",
  details:
    "backdoor trains the populations of the configuration, by default the package's own, scans them, and writes evaluation.json and a page with plots (--out, --page, --jobs, --resume, --json): what detectors find, what they miss, what they cost. vnncomp decides a category's instances, several at once, and writes results.csv, results.json and the values of each sat into the folder --out (all options but --page); where the category has a truth.csv, an answer that contradicts it is said, with exit code 1. Ctrl-C keeps what is finished; --resume goes on from there.",
  options: [
    "out",
    "page",
    "deadline",
    "only",
    "method",
    "arithmetic",
    "attack",
    "seed",
    "memory",
    "jobs",
    "resume",
    "json",
  ],
});

export type BenchOptions = Options<(typeof benchVerb.options)[number]>;
