import { describeVerb } from "../verb.ts";
import { CONTRACT, DATA, MODEL, OUTPUT, READING, RUN, UNITS } from "./groups.ts";

export const compareVerb = describeVerb({
  name: "compare",
  argument: "before",
  argumentHelp: "ONNX file, or what audit, certify or attack wrote",
  second: { name: "after", help: "the same of the other model" },
  summary: "tell what one model has lost against another: accuracy, robustness, answers, signs of tampering",
  details:
    "Two model files are run on the same inputs and compared input by input; with --epsilon they are also proved and attacked as certify does. Two reports of audits are compared by their rates, conditions and decisions. Exit code 0: no regression, 1: the second is surely worse by more than --max-drop, 5: it may be.",
  options: [
    ...MODEL,
    ...DATA,
    ...READING,
    "epsilon",
    ...UNITS,
    "norm",
    "method",
    "maxDrop",
    ...RUN,
    ...CONTRACT,
    ...OUTPUT,
  ],
});
