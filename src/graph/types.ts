/**
 * @file The intermediate representation: an immutable expression DAG.
 *
 * A `Value` knows how it was made, so a graph is nothing but its inputs and outputs: what no output needs is not in it.
 * Axis 0 of a model's input is the batch, a symbolic size written "N"; a dimension that grows with it is "9N".
 */

import type { Shape } from "./dims.ts";
import type { OpAttrs, OpName } from "./signatures.ts";

/** `float` is float32 or float64, whichever the target computes in; `int` is int64 in ONNX. */
export type DType = "float" | "int" | "bool";

/** A concrete array, row-major. int values lie within ±2³¹; bools are 0 or 1. */
export interface Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array | Int32Array | Uint8Array;
}

interface ValueBase {
  readonly shape: Shape;
  readonly dtype: DType;
  /** The name in the model file, where the value came from one: for messages and for `inspect`. */
  readonly name?: string | undefined;
}

export interface InputValue extends ValueBase {
  readonly kind: "input";
  readonly name: string;
}

export interface ConstantValue extends ValueBase {
  readonly kind: "constant";
  readonly shape: readonly number[];
  readonly tensor: Tensor;
}

/** The result of an op; every op has one output. */
export interface NodeValue<K extends OpName = OpName> extends ValueBase {
  readonly kind: "node";
  readonly op: K;
  readonly inputs: readonly Value[];
  readonly attrs: OpAttrs[K];
}

export type Value = InputValue | ConstantValue | NodeValue;

export interface Output {
  readonly name: string;
  readonly value: Value;
}

export interface Graph {
  readonly inputs: readonly InputValue[];
  readonly outputs: readonly Output[];
}

/** What an op says of its result before it runs. */
export interface ValueType {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Emits ops; every transform and op rule writes through one. Structurally equal nodes come back as one object. */
export interface Builder {
  emit<K extends OpName>(op: K, inputs: readonly Value[], ...attrs: AttrsArgument<K>): NodeValue<K>;
  /** A float constant: a number (shape []), a filled array, or a tensor. */
  constant(value: number | Tensor, shape?: readonly number[]): ConstantValue;
  ints(values: readonly number[], shape?: readonly number[]): ConstantValue;
  input(name: string, shape: Shape, dtype?: DType): InputValue;
}

/** Ops without attributes take none; the others must. The name of the node in a model file may follow. */
type AttrsArgument<K extends OpName> = keyof OpAttrs[K] extends never
  ? [attrs?: OpAttrs[K], name?: string]
  : [attrs: OpAttrs[K], name?: string];
