import { describeVerb } from "../verb.ts";
import { CONTRACT, MODEL, READING } from "./groups.ts";

export const populationVerb = describeVerb({
  name: "population",
  argument: "recipe",
  argumentHelp: "JSON file: how to train, how many clean and backdoored members, which detectors",
  argumentOptional: true,
  summary: "train many models by one recipe, or take one's own, and scan them: what a score is compared with",
  details:
    "Writes population.json, and with a recipe the models, into the folder --out. With --from FILES --data DATA it scans models that there are already; the same options as backdoor say how they take their inputs. With --like MODEL --training DATA --data DATA it trains models of the architecture of a file. Ctrl-C keeps what is finished; --resume goes on from there.",
  options: [
    "from",
    "like",
    "training",
    "members",
    "epochs",
    "data",
    "labels",
    "images",
    "detector",
    "seed",
    ...MODEL,
    ...READING,
    ...CONTRACT,
    "out",
    "jobs",
    "memory",
    "resume",
    "json",
  ],
});
