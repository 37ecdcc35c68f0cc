/** @file Which operator of a file is read otherwise than the runtime has it: both are compared at every tensor on the way. */

import type { Choice } from "../../formats/onnx/choose.ts";
import { importOnnx, type ReadExternal } from "../../formats/onnx/import.ts";
import { withOutputs } from "../../formats/onnx/intermediate.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Runtime, Session } from "../../runtime/session.ts";
import { modelInput, type Original, runOutputs } from "../original.ts";
import { compileReading } from "./compare.ts";

export interface ModelFile {
  readonly bytes: Uint8Array;
  readonly readExternal?: ReadExternal;
  /** Which output and input of it, and the sizes that it leaves open. */
  readonly choice?: Choice;
  /** Opens a variant of the file, with the same external data. */
  open(bytes: Uint8Array): Promise<Session>;
}

/**
 * The first node, in the file's order, whose result differs beyond rounding at this point: its place, such as
 * `ReduceSum "mean"`; undefined where every tensor agrees.
 *
 * @param pixels one input
 */
export async function locateDifference(
  file: ModelFile,
  original: Original,
  pixels: Float32Array,
  runtime: Pick<Runtime, "compile">,
): Promise<string | undefined> {
  const { graph, trace = [] } = importOnnx(file.bytes, {
    ...(file.readExternal && { readExternal: file.readExternal }),
    ...(file.choice && { classifier: file.choice }),
    trace: true,
  });
  const steps = trace.filter(({ value }) => value.kind === "node" && value.dtype === "float");
  if (steps.length === 0) return undefined;
  const names = steps.map(({ tensor }) => tensor);
  await using session = await file.open(withOutputs(file.bytes, names));
  const answers = await runOutputs(original, session, pixels);
  const outputs = steps.map(({ tensor, value }) => ({ name: tensor, value }));
  const reading = await compileReading(makeGraph(graph.inputs, outputs), runtime, { feed: "one" });
  if (!reading) return undefined;
  // of a batch that was filled up, the first
  const rows = typeof original.file.batch === "number" ? original.file.batch : 1;
  const firsts = reading.outputs.map((name) => {
    const { data } = answers[name]!;
    return data.subarray(0, data.length / rows);
  });
  const differences = await reading.compare(modelInput(pixels, original), firsts);
  const first = differences.findIndex((difference) => difference !== undefined);
  return first < 0 ? undefined : steps[first]!.place;
}
