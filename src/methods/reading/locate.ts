/** @file Which operator of a file is read otherwise than the runtime has it: both are compared at every tensor on the way. */

import { importOnnx, type ReadExternal } from "../../formats/onnx/import.ts";
import { withOutputs } from "../../formats/onnx/intermediate.ts";
import { makeGraph } from "../../graph/traverse.ts";
import type { Runtime, Session } from "../../runtime/session.ts";
import { compileReading } from "./compare.ts";

export interface ModelFile {
  readonly bytes: Uint8Array;
  readonly readExternal?: ReadExternal;
  /** Opens a variant of the file, with the same external data. */
  open(bytes: Uint8Array): Promise<Session>;
  /** Outputs of the file to one input, by name, as `Session.run` gives them. */
  run(session: Session, point: Float32Array): Promise<Readonly<Record<string, { readonly data: ArrayLike<number> }>>>;
}

/**
 * The first node, in the file's order, whose result differs beyond rounding at this point: its place, such as
 * `ReduceSum "mean"`; undefined where every tensor agrees.
 *
 * @param point one input, as the model file takes it
 */
export async function locateDifference(
  file: ModelFile,
  point: Float32Array,
  runtime: Pick<Runtime, "compile">,
): Promise<string | undefined> {
  const { graph, trace } = importOnnx(file.bytes, {
    ...(file.readExternal && { readExternal: file.readExternal }),
    trace: true,
  });
  const steps = (trace ?? []).filter(({ value }) => value.kind === "node" && value.dtype === "float");
  if (steps.length === 0) return undefined;
  await using session = await file.open(
    withOutputs(
      file.bytes,
      steps.map(({ tensor }) => tensor),
    ),
  );
  const answers = await file.run(session, point);
  const reading = await compileReading(
    makeGraph(
      graph.inputs,
      steps.map(({ tensor, value }) => ({ name: tensor, value })),
    ),
    runtime,
  );
  if (!reading) return undefined;
  const differences = await reading.compare(
    point,
    reading.outputs.map((name) => answers[name]!.data),
  );
  const first = differences.findIndex((difference) => difference !== undefined);
  return first < 0 ? undefined : steps[first]!.place;
}
