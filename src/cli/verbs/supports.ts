import { describeVerb } from "../verb.ts";

export const supportsVerb = describeVerb({
  name: "supports",
  summary: "say what queries and networks `verify` takes, as VNN-LIB 2.1 wants solvers to",
  details: "Each option prints its answer, an item a line.",
  options: [
    "onnxOpsetVersions",
    "onnxElementTypes",
    "onnxOperators",
    "vnnlibVersions",
    "hiddenNodeTheories",
    "multipleInputOutputTheories",
    "multipleInputsOutputTheories",
    "multipleNetworkTheories",
    "multipleNodeComparisonTheories",
    "arithmeticComplexityTheories",
    "optimisedDisjunctiveReasoning",
    "serialiseAssignments",
    "unsatProofs",
  ],
});
