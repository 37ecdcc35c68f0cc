/**
 * @file The record of an op: everything Assay knows of it, side by side, so that one contract test can compare it all.
 *
 * Rules are pure; those that build graphs write through a `Builder`, so that a gradient or a bound is again a graph.
 */

import type { Shape } from "../graph/dims.ts";
import type { OpAttrs, OpName } from "../graph/signatures.ts";
import type { Builder, ConstantValue, DType, NodeValue, Tensor, Value, ValueType } from "../graph/types.ts";

export interface Unsupported {
  readonly unsupported: string;
}

export const unsupported = (reason: string): Unsupported => ({ unsupported: reason });

/** A missing rule is said, with its reason. */
export type Rule<F> = F | Unsupported;

export const isUnsupported = <F>(rule: Rule<F>): rule is Unsupported =>
  typeof rule === "object" && rule !== null && "unsupported" in rule;

/** A point is one object at both ends: that is how a rule knows a constant operand. */
export interface Interval {
  readonly lower: Value;
  readonly upper: Value;
}

export const isPoint = (interval: Interval): boolean => interval.lower === interval.upper;
export const point = (value: Value): Interval => ({ lower: value, upper: value });

/** slope[0]·x₀ + slope[1]·x₁ + … + offset, element-wise with broadcasting; `undefined` is a zero slope. */
export interface LinearFunction {
  readonly slopes: readonly (Value | undefined)[];
  readonly offset: Value | undefined;
}

/** lower(x) ≤ op(x) ≤ upper(x) for every x in the given intervals. */
export interface LinearBounds {
  readonly lower: LinearFunction;
  readonly upper: LinearFunction;
}

/**
 * How the lower line of an unstable piecewise-linear unit is chosen. With `alpha`, in [0, 1], the graph chooses among all
 * lines that a rule has to offer: slopes of a ReLU's lower line, tangent points of a curve. `upper`: the same for upper
 * lines, where there is a choice too; default: `alpha`.
 */
export type SlopeRule = "zero" | "one" | "parallel" | "adaptive" | Choice;

export interface Choice {
  readonly alpha: Value;
  readonly upper?: Value;
}

/** The choice for one side, where the graph makes it. */
export const choiceOf = (rule: SlopeRule, side: keyof Interval): Value | undefined =>
  typeof rule === "string" ? undefined : side === "upper" ? (rule.upper ?? rule.alpha) : rule.alpha;

/** Where an op is differentiated or bounded: its operands, result, and which operands vary. */
export interface Site<K extends OpName> {
  readonly inputs: readonly Value[];
  readonly output: Value;
  readonly attrs: OpAttrs[K];
  /** Which operands the answer is wanted for; a rule may skip the others. */
  readonly wanted: readonly boolean[];
}

/**
 * Floating-point error of evaluating the op once on the target, relative to its unit roundoff u.
 *
 * - `exact`: data movement, comparison, max: none.
 * - `elementwise`: at most `ulps`·u·|result| + `absolute`·u.
 * - `sum`: a sum of `terms` products: γ(terms)·op(|inputs|), the op itself applied to absolute values.
 */
export type Rounding<K extends OpName> =
  | { readonly kind: "exact" }
  | {
      readonly kind: "elementwise";
      readonly ulps: number;
      readonly absolute?: number;
      /** The op with every coefficient made positive, where it is not the op itself (Sub → Add). */
      readonly magnitude?: (b: Builder, magnitudes: readonly Value[]) => Value;
    }
  | {
      readonly kind: "sum";
      readonly terms: (inputs: readonly { readonly shape: Shape }[], attrs: OpAttrs[K]) => number;
    };

/** Is the op linear (maps 0 to 0), affine, or neither, in the operands that vary, the others being constant? */
export type Linearity = "linear" | "affine" | "none";

export interface OpRecord<K extends OpName> {
  readonly name: K;
  readonly arity: number | "any";
  /** @throws ShapeError */
  readonly infer: (inputs: readonly Value[], attrs: OpAttrs[K]) => ValueType;
  /** Reference result in float64, for tests and constant folding; ONNX Runtime does the real work. */
  readonly evaluate: (inputs: readonly Tensor[], attrs: OpAttrs[K]) => Tensor;
  /** Cotangents of the wanted inputs, each of its input's shape. */
  readonly vjp: Rule<(b: Builder, site: Site<K>, dy: Value) => readonly (Value | undefined)[]>;
  readonly linearity: (varying: readonly boolean[]) => Linearity;
  /**
   * Real-arithmetic image of boxes, not outward-rounded: the transform adds the error of `rounding`. NaN at both ends
   * where the boxes leave what the op is defined on: there it may answer anything, not a number included.
   */
  readonly interval: Rule<(b: Builder, x: readonly Interval[], attrs: OpAttrs[K]) => Interval>;
  /** Linear bounds where the op is not affine. Affine ops need none: their relaxation is their vjp. */
  readonly relax: Rule<(b: Builder, x: readonly Interval[], attrs: OpAttrs[K], slope: SlopeRule) => LinearBounds>;
  /** Where an op of one operand is piecewise linear: its kinks. A box without one inside needs no tighter bounds. */
  readonly kinks?: (attrs: OpAttrs[K]) => readonly number[];
  /** The same function in other ops, for a reading that has no rule of its own. */
  readonly expand?: (b: Builder, inputs: readonly Value[], attrs: OpAttrs[K]) => Value;
  readonly rounding: Rounding<K>;
  /** What its float32 result lies in, whatever the operands, where it is a number: rounding does not leave it. */
  readonly range?: (node: Pick<NodeValue<K>, "inputs" | "attrs">) => readonly [least: number, most: number] | undefined;
  /** How many results one element of operand i takes part in at most; default: how often broadcasting repeats it. */
  readonly fanOut?: (inputs: readonly { readonly shape: Shape }[], attrs: OpAttrs[K], operand: number) => number;
  /** How ONNX says it; undefined means an ONNX op of the same name with the same attributes. */
  readonly lower?: Lowering<K>;
}

/** What a lowering may emit: ONNX nodes. Returns the name of the result. */
export interface OnnxEmitter {
  readonly float: "float32" | "float64";
  node(op: string, inputs: readonly string[], attrs?: Readonly<Record<string, OnnxAttr>>): string;
  ints(values: readonly number[]): string;
  scalar(value: number): string;
}

/** Integers are bigint, floats are number: ONNX tells them apart. */
export type OnnxAttr = bigint | number | string | readonly bigint[] | readonly number[];

export type Lowering<K extends OpName> = (
  e: OnnxEmitter,
  inputs: readonly string[],
  node: Pick<NodeValue<K>, "attrs" | "inputs" | "shape" | "dtype">,
) => string;

/** Checks the record's type and freezes it. */
export const defineOp = <K extends OpName>(record: OpRecord<K>): OpRecord<K> => Object.freeze(record);

export const isConstant = (value: Value): value is ConstantValue => value.kind === "constant";

export const floatType = (shape: Shape, dtype: DType = "float"): ValueType => ({ shape, dtype });
