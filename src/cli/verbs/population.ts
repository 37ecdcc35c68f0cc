import { describeVerb } from "../verb.ts";

export const populationVerb = describeVerb({
  name: "population",
  argument: "recipe",
  argumentHelp: "JSON file: how to train, how many clean and backdoored members, which detectors",
  summary: "train many models by one recipe, clean and backdoored, and scan them: what a score is compared with",
  details:
    "Writes the models and population.json into the folder --out. Ctrl-C keeps what is finished; --resume goes on from there.",
  options: ["out", "jobs", "resume", "json"],
});
