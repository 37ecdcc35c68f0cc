import { usage } from "../../graph/fault.ts";
import { didYouMean } from "../../graph/suggest.ts";
import { readOptions } from "../config.ts";
import type { Io } from "../io.ts";
import { flagName } from "../options.ts";
import { type BenchOptions, benchVerb } from "../verbs/bench.ts";

interface Subject {
  /** Of the verb's options those that it takes. */
  readonly takes: readonly (keyof BenchOptions)[];
  readonly run: (options: BenchOptions, io: Io) => Promise<number>;
}

/** What can be evaluated. */
const SUBJECTS: Readonly<Record<string, Subject>> = {
  backdoor: {
    takes: ["out", "page", "jobs", "resume", "json"],
    run: async (...args) => (await import("./bench-backdoor.ts")).benchBackdoor(...args),
  },
  vnncomp: {
    takes: benchVerb.options.filter((key) => key !== "page"),
    run: async (...args) => (await import("./bench-vnncomp.ts")).benchVnncomp(...args),
  },
};

export async function bench(subject: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const names = Object.keys(SUBJECTS);
  const chosen = names.includes(subject) ? SUBJECTS[subject] : undefined;
  if (!chosen)
    throw usage(`there is no evaluation of "${subject}"; known are ${names.join(", ")}.${didYouMean(subject, names)}`);
  const options = readOptions(benchVerb.options, raw);
  const other = benchVerb.options.find((key) => options[key] !== undefined && !chosen.takes.includes(key));
  if (other !== undefined)
    throw usage(`bench ${subject} takes no --${flagName(other)}; it takes ${chosen.takes.map(flagName).join(", ")}`);
  return chosen.run(options, io);
}
