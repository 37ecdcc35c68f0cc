import { converters } from "../../formats/onnx/convert/index.ts";
import { NEWEST_OPSET, OLDEST_OPSET } from "../../formats/onnx/model.ts";
import { usage } from "../../graph/fault.ts";
import { readOptions } from "../config.ts";
import type { Io } from "../io.ts";
import { supportsVerb } from "../verbs/supports.ts";

type Capability = (typeof supportsVerb.options)[number];

/** In the standard's words: no hidden nodes, several inputs and outputs, one network, no comparison of inputs with outputs, linear terms. */
const ANSWERS: Readonly<Record<Capability, () => readonly string[]>> = {
  onnxOpsetVersions: () => [`${OLDEST_OPSET}`, `${NEWEST_OPSET}`],
  onnxElementTypes: () => ["float32"],
  onnxOperators: () => [...converters.keys()].toSorted(),
  vnnlibVersions: () => ["1.0", "2.1"],
  hiddenNodeTheories: () => ["NH"],
  multipleInputOutputTheories: () => ["SIO", "MIO"],
  multipleInputsOutputTheories: () => ["SIO", "MIO"],
  multipleNetworkTheories: () => ["SNET"],
  multipleNodeComparisonTheories: () => ["SNC"],
  arithmeticComplexityTheories: () => ["BND", "OUTC", "LIN"],
  optimisedDisjunctiveReasoning: () => ["true"],
  serialiseAssignments: () => ["false"],
  unsatProofs: () => ["false"],
};

export async function supports(_: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const stated = readOptions(supportsVerb.options, raw);
  const asked = supportsVerb.options.filter((key) => stated[key]);
  if (asked.length === 0) throw usage("ask for a capability, such as assay supports --onnx-operators");
  for (const key of asked) await io.print(`${ANSWERS[key]().join("\n")}\n`);
  return 0;
}
