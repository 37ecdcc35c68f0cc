import { describeVerb } from "../verb.ts";

export const trainVerb = describeVerb({
  name: "train",
  argument: "recipe",
  argumentHelp: "JSON file of training options",
  summary: "train a model by a recipe: plain, adversarial, or for certification",
  details: "Writes an ONNX file. Ctrl-C keeps a checkpoint beside it; --resume goes on from there.",
  options: ["data", "seed", "poison", "out", "resume", "json"],
});
