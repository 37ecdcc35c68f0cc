/** @file A model file that also puts out what is computed on the way: to find where a reading of it goes astray. */

import { decodeModel, encodeModel, type ModelProto } from "./proto.ts";

/**
 * The file with these tensors as further outputs; its own stay, and come first.
 * @param names of tensors that nodes of the main graph compute
 * @throws Error of the protobuf library for bytes that are no model
 */
export function withOutputs(bytes: Uint8Array, names: readonly string[]): Uint8Array {
  const model: ModelProto = decodeModel(bytes);
  const graph = model.graph!;
  const own = new Set((graph.output ?? []).map(({ name }) => name));
  const further = names.filter((name) => !own.has(name)).map((name) => ({ name }));
  return encodeModel({ ...model, graph: { ...graph, output: [...(graph.output ?? []), ...further] } });
}
