import { describeVerb } from "../verb.ts";
import { CONTRACT, DATA, MODEL, OUTPUT, READING, RUN, UNITS } from "./groups.ts";

export const auditVerb = describeVerb({
  name: "audit",
  argument: "model",
  argumentHelp: "ONNX file",
  summary: "examine a model and decide: ship, do not ship, or cannot tell",
  details:
    "Attacks the model at several radii, proves what can be proved, looks for planted triggers, and writes report/index.html, report/report.json, and for build systems report.sarif, junit.xml, summary.md and bom.json.",
  options: [
    ...MODEL,
    ...DATA,
    ...READING,
    "epsilons",
    ...UNITS,
    "norm",
    "method",
    "plugin",
    "arithmetic",
    "restarts",
    "steps",
    "reference",
    "budget",
    "profile",
    "gateFile",
    "minAccuracy",
    "gate",
    "maxPatch",
    ...RUN,
    ...CONTRACT,
    ...OUTPUT,
  ],
});
