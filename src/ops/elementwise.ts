/** @file What element-wise functions of one operand share. */

import type { OpName } from "../graph/signatures.ts";
import type { Builder, Value } from "../graph/types.ts";
import type { Interval, LinearBounds, Site, SlopeRule } from "./op.ts";
import type { Curve } from "./relax-lines.ts";
import { constantBounds, mul } from "./rules.ts";

/** Multiplies the cotangent by the derivative; `y` is the op's result. */
export const elementwiseVjp =
  <K extends OpName>(derivative: (b: Builder, x: Value, y: Value, attrs: Site<K>["attrs"]) => Value) =>
  (b: Builder, { inputs: [x], output, attrs }: Site<K>, dy: Value): readonly Value[] => [
    mul(b, dy, derivative(b, x!, output, attrs)),
  ];

/** Step functions: the derivative is zero wherever it exists. */
export const noCotangent = (_: Builder, { inputs }: { readonly inputs: readonly Value[] }): readonly undefined[] =>
  inputs.map(() => undefined);

/** An op without attributes as a curve; `slope` is its derivative. */
export const curveOf = (
  op: "Sqrt" | "Exp" | "Log" | "Sigmoid" | "Tanh" | "Softplus" | "Softsign" | "Erf" | "Atan",
  slope: Curve["slope"],
): Curve => ({
  at: (b, x) => b.emit(op, [x]),
  slope,
});

/** Constant bounds from the op's own interval rule. */
export const constantRelax =
  <A>(interval: (b: Builder, x: readonly Interval[], attrs: A) => Interval) =>
  (b: Builder, x: readonly Interval[], attrs: A, _: SlopeRule): LinearBounds =>
    constantBounds(interval(b, x, attrs), x.length);
