import { describeVerb } from "../verb.ts";

export const verifyVerb = describeVerb({
  name: "verify",
  argument: "query",
  argumentHelp: "VNN-LIB file, version 1.0 or 2.x; may be gzip'ed",
  summary: "decide a VNN-LIB query: is there an input whose outputs meet its conditions?",
  details:
    "The first line is sat, unsat, unknown or timed-out; sat is followed by the values of all variables. An attack looks for such an input, and methods then prove that there is none. Exit code 0: sat or unsat, 5: unknown or timed-out.",
  options: ["network", "deadline", "method", "arithmetic", "attack", "seed", "memory", "json", "out", "config"],
});
