import { describeVerb } from "../verb.ts";
import { CONTRACT, DATA, MODEL, OUTPUT, READING, RUN, UNITS } from "./groups.ts";

export const certifyVerb = describeVerb({
  name: "certify",
  argument: "model",
  argumentHelp: "ONNX file",
  summary: "prove that no small change of an input changes the model's answer",
  details:
    "Methods run in the order of the table until one proves the input; a quick attack then tells what is falsified from what is unknown. An input both proved and falsified is a soundness alarm: exit 4, with both pieces of evidence saved.",
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
    "arithmetic",
    "attack",
    "minimal",
    "bisections",
    "tolerance",
    "gate",
    ...RUN,
    ...CONTRACT,
    "witnesses",
    "csv",
    ...OUTPUT,
  ],
});
