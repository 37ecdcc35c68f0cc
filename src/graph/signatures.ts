/**
 * @file The op set: every op's name and attributes. The table of records in `ops/index.ts` must answer for each key.
 *
 * Names and attributes are ONNX's where the op is ONNX's. Window attributes are always complete: import resolves
 * auto_pad and defaults. `pads` lists all beginnings, then all ends.
 */

import type { Dim } from "./dims.ts";

export type NoAttrs = Readonly<Record<never, never>>;

export interface WindowAttrs {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
}

export interface ConvAttrs extends WindowAttrs {
  readonly group: number;
}

export interface ConvTransposeAttrs extends ConvAttrs {
  readonly outputPadding: readonly number[];
}

export interface PoolAttrs extends WindowAttrs {
  readonly kernel: readonly number[];
}

export interface ReduceAttrs {
  /** Non-negative, increasing. */
  readonly axes: readonly number[];
  readonly keepdims: boolean;
}

/** One entry per axis of the input; `ends` may exceed the size and is clamped. */
export interface SliceAttrs {
  readonly axis: number;
  readonly start: number;
  /** Number of elements taken. */
  readonly size: Dim;
  readonly step: number;
}

export interface OpAttrs {
  // element-wise arithmetic, broadcasting
  Add: NoAttrs;
  Sub: NoAttrs;
  Mul: NoAttrs;
  Div: NoAttrs;
  Pow: NoAttrs;
  Min: NoAttrs;
  Max: NoAttrs;
  // element-wise functions
  Neg: NoAttrs;
  Abs: NoAttrs;
  Sign: NoAttrs;
  /** 1 where x > 0, else 0. */
  Step: NoAttrs;
  Sqrt: NoAttrs;
  Exp: NoAttrs;
  Log: NoAttrs;
  Reciprocal: NoAttrs;
  Sin: NoAttrs;
  Cos: NoAttrs;
  Asin: NoAttrs;
  Atan: NoAttrs;
  Floor: NoAttrs;
  Ceil: NoAttrs;
  Round: NoAttrs;
  // activations
  Relu: NoAttrs;
  LeakyRelu: { readonly alpha: number };
  PRelu: NoAttrs;
  Elu: { readonly alpha: number };
  HardSwish: NoAttrs;
  Sigmoid: NoAttrs;
  Tanh: NoAttrs;
  Softplus: NoAttrs;
  Softsign: NoAttrs;
  Erf: NoAttrs;
  Gelu: { readonly approximate: "none" | "tanh" };
  Clip: { readonly min: number; readonly max: number };
  Softmax: { readonly axis: number };
  LogSoftmax: { readonly axis: number };
  // logic
  Equal: NoAttrs;
  Greater: NoAttrs;
  Less: NoAttrs;
  GreaterOrEqual: NoAttrs;
  LessOrEqual: NoAttrs;
  And: NoAttrs;
  Or: NoAttrs;
  Not: NoAttrs;
  /** inputs: condition (bool), then, else. */
  Where: NoAttrs;
  Cast: { readonly to: "float" | "int" | "bool" };
  // linear maps
  MatMul: NoAttrs;
  /** inputs: x [N, C, …], w [M, C/group, …]; no bias: that is an Add. */
  Conv: ConvAttrs;
  /** inputs: x [N, C, …], w [C, M/group, …]. */
  ConvTranspose: ConvTransposeAttrs;
  ReduceSum: ReduceAttrs;
  // windows and reductions
  /** x [N, C, H, W] → [N, C, K, Ho, Wo] (K = kernel elements): the windows, zero-padded. */
  Unfold: PoolAttrs;
  MaxPool: PoolAttrs;
  ReduceMax: ReduceAttrs;
  ArgMax: { readonly axis: number; readonly keepdims: boolean };
  // movement
  Reshape: { readonly shape: readonly Dim[] };
  Transpose: { readonly perm: readonly number[] };
  Concat: { readonly axis: number };
  Slice: SliceAttrs;
  Pad: { readonly pads: readonly number[]; readonly value: number };
  Expand: { readonly shape: readonly Dim[] };
  /** inputs: x, indices (int, non-negative). */
  Gather: { readonly axis: number };
}

export type OpName = keyof OpAttrs;
