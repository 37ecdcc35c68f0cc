/**
 * @file Which value of a graph holds the class scores, and how the file's own answer is read. Files say the same in several
 * forms: [N, classes], with or without axes of size 1, or one number a sample for two classes.
 */

import { type Dim, type Shape, ShapeError, sizeOf } from "../graph/dims.ts";
import type { Builder, NodeValue, Value } from "../graph/types.ts";
import { reshape } from "../ops/rules.ts";
import { keepsOrder } from "./removed.ts";

/**
 * What the file puts out for a sample: `scores`, one a class, the largest wins; `logit`, one number z, class 1 where z > 0;
 * `probability`, one number p that a sigmoid made, class 1 where p > ½. A tie is a wrong answer.
 */
export type AnswerForm = "scores" | "logit" | "probability";

export interface Answer {
  readonly form: AnswerForm;
  readonly classes: number;
  /** Before what `removed` does to it: of `classes` numbers a sample, or of one where the form is not `scores`. */
  readonly value: Value;
  /** What follows in the file and keeps the order, the last first. */
  readonly removed: readonly NodeValue[];
}

/** @returns undefined for a value that is no classifier's answer */
export function answerOf(output: Value, batch: Dim | undefined): Answer | undefined {
  const size = rowSize(output.shape, batch);
  if (size === undefined || output.dtype !== "float") return undefined;
  if (size === 1) {
    const inner = throughReshapes(output, batch);
    const sigmoid = inner.kind === "node" && inner.op === "Sigmoid" ? inner : undefined;
    const removed = sigmoid ? [sigmoid as NodeValue] : [];
    return { form: sigmoid ? "probability" : "logit", classes: 2, value: sigmoid?.inputs[0] ?? output, removed };
  }
  let value = output;
  const removed: NodeValue[] = [];
  for (;;) {
    const last = keepsOrder(value, size) ? value : throughReshapes(value, batch);
    if (!keepsOrder(last, size)) break;
    removed.push(last);
    value = last.inputs[0]!;
  }
  return { form: "scores", classes: size, value, removed };
}

/** [batch, classes] of what `answerOf` found; one number z is the scores 0 and z. */
export function scoresOf(b: Builder, { form, classes, value }: Answer, batch: Dim): Value {
  if (form === "scores") {
    const flat = value.shape.length === 2 && value.shape[0] === batch;
    return flat ? value : reshape(b, value, [batch, classes]);
  }
  return b.emit("Pad", [reshape(b, value, [batch, 1])], { pads: [0, 1, 0, 0], value: 0 });
}

/** Numbers a sample, where all of them lie along one axis; of a batch of 1 the axis may be missing. */
function rowSize(shape: Shape, batch: Dim | undefined): number | undefined {
  const hasBatch = batch !== undefined && batch !== 1;
  if (hasBatch && shape[0] !== batch) return undefined;
  const rest = shape.slice(hasBatch ? 1 : 0);
  if (rest.some((dim) => typeof dim !== "number")) return undefined;
  return rest.filter((dim) => dim !== 1).length <= 1 ? sizeOf(rest as readonly number[]) : undefined;
}

/** The value before reshapes that only add or drop axes of size 1. */
function throughReshapes(value: Value, batch: Dim | undefined): Value {
  let inner = value;
  while (inner.kind === "node" && inner.op === "Reshape" && rowSize(inner.inputs[0]!.shape, batch) !== undefined)
    inner = inner.inputs[0]!;
  return inner;
}

/** The batch axis of a classifier's input, or undefined where it takes one sample without. @throws ShapeError in doubt */
export function batchOf(input: Shape, output: Shape): Dim | undefined {
  const [first] = input;
  if (typeof first !== "number") return first;
  if (input.length < 2) return undefined;
  if (first === 1) return 1;
  if (output[0] !== first) return undefined;
  if (output.length === 1)
    throw new ShapeError(`from [${input}] to [${output}] may be ${first} samples or one: export it with a batch axis`);
  return first;
}
