import { describeVerb } from "../verb.ts";

export const benchVerb = describeVerb({
  name: "bench",
  argument: "subject",
  argumentHelp: "what is evaluated: backdoor",
  second: { name: "config", help: "JSON file of tasks, populations and detectors" },
  summary: "evaluate detectors on fresh models, clean and backdoored: what they find, what they miss, what they cost",
  details:
    "Trains the populations of the configuration, by default the package's own, scans them, and writes evaluation.json and a page with plots. Ctrl-C keeps what is finished; --resume goes on from there.",
  options: ["out", "page", "jobs", "resume", "json"],
});
