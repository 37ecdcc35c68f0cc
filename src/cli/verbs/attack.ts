import { describeVerb } from "../verb.ts";
import { CONTRACT, DATA, MODEL, OUTPUT, READING, RUN, UNITS } from "./groups.ts";

export const attackVerb = describeVerb({
  name: "attack",
  argument: "model",
  argumentHelp: "ONNX file",
  summary: "look for small changes of inputs that change the model's answer",
  details:
    "Every witness is run again through the model file and measured before it is reported. What is not found is unknown, not safe.",
  options: [
    ...MODEL,
    ...DATA,
    ...READING,
    "radii",
    ...UNITS,
    "box",
    "norm",
    "method",
    "plugin",
    "restarts",
    "steps",
    "stepSize",
    "loss",
    "target",
    "minimal",
    "bisections",
    "tolerance",
    "gate",
    ...RUN,
    ...CONTRACT,
    "witnesses",
    "saveInputs",
    "csv",
    ...OUTPUT,
  ],
});
