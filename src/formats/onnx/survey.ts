/** @file A model that cannot be read whole: what of it can be, and which nodes stand in the way. */

import { makeGraph } from "../../graph/traverse.ts";
import type { Graph } from "../../graph/types.ts";
import { boundTensors } from "./bind.ts";
import type { NodeSource } from "./body.ts";
import { OnnxError } from "./error.ts";
import {
  begin,
  declaredShapes,
  type ImportOptions,
  isKnown,
  naming,
  readClassifier,
  readTensors,
  replaceFirst,
} from "./import.ts";
import { type Declared, type ModelSource, readModel } from "./model.ts";
import { externalData } from "./tensor.ts";

/** A node of the file that is not read. */
export interface UnreadNode {
  readonly name: string;
  readonly op: string;
  /** Why it is not; null where it only needs the result of one that is not. */
  readonly reason: string | null;
}

export interface OnnxSurvey {
  /** What is read, up to the nodes that are not: its outputs are all that they and the file's outputs take. */
  readonly graph: Graph;
  /** In the file's order; some with a reason. */
  readonly unread: readonly UnreadNode[];
  readonly inputs: readonly Declared[];
  readonly outputs: readonly Declared[];
  /** Outputs of the file that are read. */
  readonly without: readonly string[];
  readonly opset: number;
}

/**
 * Nodes one by one, as far as they can be read.
 * @throws OnnxError where not even the first can be
 */
export function surveyOnnx(
  bytes: Uint8Array,
  { readExternal, classifier, fileName }: Pick<ImportOptions, "readExternal" | "classifier" | "fileName"> = {},
): OnnxSurvey {
  return naming(fileName, () => {
    const source = classifier ? readClassifier(bytes, classifier) : readModel(bytes);
    const external = readExternal && externalData(readExternal);
    const tensors = readTensors(source, new Map(boundTensors(source, classifier?.bound ?? {})), external);
    const declared = declaredShapes(source, tensors.values);
    const surveyed = [
      { shapes: declared, samplesAlone: true },
      { shapes: replaceFirst(declared, "N", 1), samplesAlone: false },
    ].map((reading) => survey(source, begin(source, tensors, reading, external)));
    const [first, second] = surveyed as [Survey, Survey];
    const { opset, inputs, outputs } = source;
    return { ...(second.unread.length < first.unread.length ? second : first), inputs, outputs, opset };
  });
}

type Survey = Pick<OnnxSurvey, "graph" | "unread" | "without">;

function survey(source: ModelSource, { conversion, scope, inputs }: ReturnType<typeof begin>): Survey {
  const { body, opset } = source;
  const unread: UnreadNode[] = [];
  const behind = new Set<string>();
  for (const node of body.nodes) {
    const reason = [...node.inputs, ...node.captured].some((name) => behind.has(name)) ? null : attempt(node);
    if (reason === undefined) continue;
    unread.push({ name: node.name, op: node.op, reason });
    for (const name of node.outputs) behind.add(name);
  }
  const read = body.nodes.flatMap(({ outputs }) =>
    outputs.flatMap((name) => {
      const operand = scope.get(name)?.operand;
      return operand && operand.kind !== "dims" ? [{ name, value: operand }] : [];
    }),
  );
  return { graph: makeGraph(inputs, read), unread, without: body.outputs.filter((name) => !behind.has(name)) };

  function attempt(node: NodeSource): string | undefined {
    try {
      conversion.convert({ ...body, nodes: [node] }, scope, opset);
      return undefined;
    } catch (error) {
      if (!(error instanceof OnnxError)) throw error;
      return isKnown(source, node) ? error.fact : `not supported in opset ${opset}; replace it before export`;
    }
  }
}
