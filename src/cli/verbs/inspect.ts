import { describeVerb } from "../verb.ts";
import { MODEL } from "./groups.ts";

export const inspectVerb = describeVerb({
  name: "inspect",
  argument: "model",
  argumentHelp: "ONNX file",
  summary: "show a model's nodes and which examinations each of them allows",
  details:
    "For each node: op, shape, parameters, and whether gradients, intervals and linear bounds pass through it. Of a model with operators that are not supported, the nodes that are read and those that are not; then it ends with 3.",
  options: [...MODEL, "json", "out"],
});
