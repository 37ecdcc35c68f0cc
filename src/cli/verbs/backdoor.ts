import { describeVerb } from "../verb.ts";
import { CONTRACT, MODEL, OUTPUT, READING } from "./groups.ts";

export const backdoorVerb = describeVerb({
  name: "backdoor",
  argument: "model",
  argumentHelp: "ONNX file",
  summary: "look for a planted backdoor, and name the class that it leads to",
  details:
    "Detectors examine the model by itself, and with --data by its answers to noisy inputs. Against a reference population of clean models the answer has a known rate of false alarms; without one it is a heuristic. Exit code 0: not flagged, 1: flagged, 5: undecided.",
  options: [
    ...MODEL,
    "data",
    "labels",
    ...READING,
    "fixed",
    "images",
    "training",
    "detector",
    "plugin",
    "reference",
    "seed",
    "jobs",
    "device",
    "resume",
    ...CONTRACT,
    ...OUTPUT,
  ],
});
