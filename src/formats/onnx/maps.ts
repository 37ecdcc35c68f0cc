/**
 * @file Outputs that are sequences of maps, from class to score, as libraries for tables export them: ZipMap makes them of
 * a tensor of scores, last of all and without arithmetic. That tensor is what is read, and what a run of the file gives.
 */

import { operatorName } from "./body.ts";
import {
  DATA_TYPE,
  decodeModel,
  encodeModel,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type ValueInfoProto,
} from "./proto.ts";

/** An output of the file that is a map, and the tensor [N, classes] of its scores. */
export interface MapOutput {
  readonly output: string;
  readonly scores: string;
  /** The map's keys, a class each, in the order of the scores. */
  readonly keys: readonly string[];
}

/** Those of this graph's outputs that a ZipMap makes, in the order of the outputs. */
export function mapOutputs({ node = [], output = [] }: GraphProto): MapOutput[] {
  const makers = new Map<string, NodeProto>();
  for (const proto of node)
    if (operatorName(proto.domain, proto.opType) === "ai.onnx.ml.ZipMap") makers.set(proto.output?.[0] ?? "", proto);
  return output.flatMap(({ name = "" }) => {
    const maker = makers.get(name);
    const scores = maker?.input?.[0];
    return maker && name && scores ? [{ output: name, scores, keys: keysOf(maker) }] : [];
  });
}

function keysOf({ attribute = [] }: NodeProto): string[] {
  const text = new TextDecoder();
  return attribute.flatMap(({ name, ints = [], strings = [] }) =>
    name === "classlabels_int64s"
      ? ints.map(String)
      : name === "classlabels_strings"
        ? strings.map((bytes) => text.decode(bytes))
        : [],
  );
}

/** The graph with scores as outputs in place of the maps that are made of them. */
export function withoutMaps(graph: GraphProto, maps: readonly MapOutput[] = mapOutputs(graph)): GraphProto {
  if (maps.length === 0) return graph;
  const replaced = new Map(maps.map((map) => [map.output, map]));
  // the same scores may be an output beside their map, or be in two maps
  const there = new Set((graph.output ?? []).map(({ name }) => name));
  const output = (graph.output ?? []).flatMap((port) => {
    const map = replaced.get(port.name ?? "");
    if (!map) return [port];
    if (there.has(map.scores)) return [];
    there.add(map.scores);
    return [tensorPort(map)];
  });
  return { ...graph, output };
}

const tensorPort = ({ scores, keys }: MapOutput): ValueInfoProto => ({
  name: scores,
  type: {
    tensorType: {
      elemType: DATA_TYPE.FLOAT,
      shape: { dim: [{}, keys.length > 0 ? { value: "dimValue", dimValue: keys.length } : {}] },
    },
  },
});

/**
 * The file with the scores in place of its maps; undefined where it has none.
 * @throws Error of the protobuf library for bytes that are no model
 */
export function scoresForMaps(bytes: Uint8Array): Uint8Array | undefined {
  const model: ModelProto = decodeModel(bytes);
  if (!model.graph || mapOutputs(model.graph).length === 0) return undefined;
  return encodeModel({ ...model, graph: withoutMaps(model.graph) });
}
