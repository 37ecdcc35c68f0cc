/** @file Options of queries, and what is said of them. */

import { z } from "zod";
import { flag, number, path, text } from "../values.ts";
import { define, type OptionSpec } from "./spec.ts";

/** A question of `assay supports`. */
const capability = (name: string, help: string): OptionSpec<boolean> => define({ flag: name, help, schema: flag });

export const VERIFY = {
  network: define({
    flag: "--network <name=file>",
    help: "the ONNX file of the network that the query declares under that name; of version 1.0 the file alone will do",
    schema: z
      .union([z.string(), z.array(z.string())])
      .transform((raw) => [raw].flat())
      .pipe(z.array(path).min(1)),
    repeatable: true,
  }),
  deadline: define({
    flag: "--timeout <seconds>",
    help: "most time for a query; what takes longer is timed-out",
    schema: number((value) => value >= 0, "must be a number of seconds from 0"),
    default: "none; of a benchmark its own limits",
  }),
  only: define({
    flag: "--only <which>",
    help: "of a benchmark's instances the first so many, or those of which the network's or the query's path or file name is like this, * standing for anything",
    schema: text.transform((which) => `${which}`),
    default: "all",
  }),
  onnxOpsetVersions: capability("--onnx-opset-versions", "the oldest and the newest opset"),
  onnxElementTypes: capability("--onnx-element-types", "element types that are decided soundly"),
  onnxOperators: capability("--onnx-operators", "operators that are read"),
  vnnlibVersions: capability("--vnnlib-versions", "the oldest and the newest version of VNN-LIB"),
  hiddenNodeTheories: capability("--hidden-node-theories", "theories of hidden nodes"),
  multipleInputOutputTheories: capability("--multiple-input-output-theories", "theories of several inputs and outputs"),
  multipleInputsOutputTheories: capability(
    "--multiple-inputs-output-theories",
    "the same, as the standard also spells it",
  ),
  multipleNetworkTheories: capability("--multiple-network-theories", "theories of several networks"),
  multipleNodeComparisonTheories: capability(
    "--multiple-node-comparison-theories",
    "theories of comparisons between inputs and outputs",
  ),
  arithmeticComplexityTheories: capability("--arithmetic-complexity-theories", "theories of arithmetic"),
  optimisedDisjunctiveReasoning: capability(
    "--optimised-disjunctive-reasoning",
    "whether disjunctions are more than split",
  ),
  serialiseAssignments: capability("--serialise-assignments", "whether assignments can be written as files"),
  unsatProofs: capability("--unsat-proofs", "whether proofs are written in VNN-LIB's form"),
};
