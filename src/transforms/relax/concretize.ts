/**
 * @file The minimum of an affine function over the input set: the last step of a backward pass.
 * @source verification.md §1, "concretize"
 */

import { multiplyDims, sizeOf } from "../../graph/dims.ts";
import type { Builder, Dim, Value } from "../../graph/types.ts";
import type { Interval } from "../../ops/op.ts";
import { abs, add, centreRadius, magnitude, max, mul, reshape, scale, sub } from "../../ops/rules.ts";
import type { Arithmetic } from "../interval.ts";
import { gamma, UNDERFLOW, UNIT_ROUNDOFF } from "../rounding.ts";
import { absoluteDot, dot, type LinearForm, type RowTerm } from "./backward.ts";
import {
  type Coefficients,
  fullSample,
  identityRows,
  pickSigned,
  type RowsContext,
  sampleElements,
} from "./coefficients.ts";
import { passTerms } from "./error.ts";
import { scalePatches } from "./shortcuts.ts";

/** Where an input lives: a box, or the points of a box within `radius` of `centre` in an l_p norm. */
export interface Domain {
  readonly box: Interval;
  readonly ball?: { readonly norm: "l1" | "l2"; readonly centre: Value; readonly radius: Value };
}

/** Lower bounds, and upper bounds where the pass was two-sided; each [n, S], or of the target's shape for `all` rows. */
export interface Bounds {
  readonly lower: Value;
  readonly upper?: Value;
}

export function concretize(
  b: Builder,
  form: LinearForm,
  domains: ReadonlyMap<Value, Domain>,
  arithmetic: Arithmetic,
): Bounds {
  const pass = { b, context: form.context };
  const terms: RowTerm[] = [...form.terms];
  const errors: RowTerm[] = [...form.errors];
  for (const [input, a] of form.coefficients) {
    const coefficients = a.kind === "identity" ? identityRows(b, input, a, form.context) : a;
    const domain = domains.get(input)!;
    terms.push(minimum(pass, coefficients, input, domain, arithmetic));
    if (arithmetic === "float32") {
      // the products with the centre and the radius; a ball's also with its own centre, and the norm
      const factor = domain.ball ? 2.1 : 1.05;
      const error = scale(b, magnitude(b, domain.box), factor * gamma(sampleElements(input) + passTerms(form.steps)));
      errors.push(absoluteDot(pass, coefficients, error, input));
    }
  }
  const lower = total(b, terms, form.context);
  return split(b, arithmetic === "float32" ? lessError(b, lower, errors, form) : lower, form.context);
}

/** A bound less its error; −∞ where it is not a finite number, which proves nothing. */
function lessError(
  b: Builder,
  lower: Value,
  errors: readonly RowTerm[],
  { context, floor, steps, largest }: LinearForm,
): Value {
  // every sum over a layer may fall short by its own rounding, and every product by an underflow
  const products = 8 * largest * steps;
  const rows = total(b, errors.map(nonNegative), context);
  const lost = floor.map((value) => (value.shape.length === 0 ? value : reshape(b, value, [value.shape[0]!, 1])));
  const error = lost.reduce<Value>((x, y) => add(b, x, y), scale(b, rows, 1 + 2 ** -8 + 2 * gamma(largest + steps)));
  const whole = add(b, error, b.constant(products * UNDERFLOW));
  const rounded = add(b, whole, scale(b, abs(b, lower), 8 * UNIT_ROUNDOFF));
  const safe = sub(b, lower, rounded);
  const finite = b.emit("Less", [safe, b.constant(Number.POSITIVE_INFINITY)]);
  return b.emit("Where", [finite, safe, b.constant(Number.NEGATIVE_INFINITY)]);
}

type Errors = RowTerm & { readonly unsigned?: true };
const nonNegative = (term: RowTerm): Errors => ({ ...term, unsigned: true });

/** min ⟨a, x⟩ over the domain, row by row. */
function minimum(
  pass: { b: Builder; context: RowsContext },
  a: Coefficients,
  input: Value,
  { box, ball }: Domain,
  arithmetic: Arithmetic,
): RowTerm {
  const { b } = pass;
  const { centre, radius } = centreRadius(b, box);
  const middle = dot(pass, a, centre, input);
  const overBox = radius ? subtract(b, middle, absoluteDot(pass, a, radius, input)) : middle;
  if (!ball) return overBox;
  // windows reach into the padding, which does not vary
  const inside = a.kind === "patches" && !a.masked ? scalePatches(b, a, b.constant(1), input) : a;
  const norm = dualNorm(b, inside, ball.norm, arithmetic);
  const spread = mul(b, norm, radiusRows(b, ball.radius, a));
  const overBall = sub(b, dot(pass, a, ball.centre, input).value, spread);
  // both hold on the intersection
  return { layout: a.kind, value: max(b, overBox.value, overBall) };
}

const subtract = (b: Builder, x: RowTerm, y: RowTerm): RowTerm => ({
  layout: x.layout,
  value: sub(b, x.value, y.value),
});

/** ‖row‖_q, [n, S] or [n, P, R]: q = ∞ for an l1 ball, 2 for an l2 ball. */
function dualNorm(b: Builder, a: Coefficients, norm: "l1" | "l2", arithmetic: Arithmetic): Value {
  if (a.kind === "identity") throw new Error("unreachable: rows are written out before the norm");
  const [lead, size] =
    a.kind === "dense"
      ? [a.value.shape.slice(0, 2), sizeOf(a.value.shape.slice(2) as number[])]
      : [a.value.shape.slice(0, 3), a.value.shape[3] as number];
  const flat = reshape(b, a.value, [...lead, size]);
  const axes = [lead.length];
  if (norm === "l1") return b.emit("ReduceMax", [abs(b, flat)], { axes, keepdims: false });
  const length = b.emit("Sqrt", [b.emit("ReduceSum", [mul(b, flat, flat)], { axes, keepdims: false })]);
  // squares below the smallest normal number vanish: √(Σa² + n·underflow) ≤ √Σa² + √(n·underflow)
  return arithmetic === "float32" ? add(b, length, b.constant(2 * Math.sqrt(size * UNDERFLOW))) : length;
}

/** The radius, [] or [n], beside rows. */
const radiusRows = (b: Builder, radius: Value, a: Coefficients): Value =>
  radius.shape.length === 0 ? radius : reshape(b, radius, [radius.shape[0]!, ...(a.kind === "dense" ? [1] : [1, 1])]);

/** The sum of all terms as rows: [n, S], or [n, 2·S] with the negated rows second. */
function total(b: Builder, terms: readonly Errors[], context: RowsContext): Value {
  const rows = terms.map((term) => asRows(b, term, context));
  return rows.reduce((x, y) => add(b, x, y));
}

function asRows(b: Builder, { layout, value, unsigned }: Errors, context: RowsContext): Value {
  switch (layout) {
    case "dense":
      return value;
    case "patches": {
      const [n, p, r] = value.shape as [Dim, Dim, Dim];
      return reshape(b, b.emit("Transpose", [value], { perm: [0, 2, 1] }), [n, multiplyDims(p, r)]);
    }
    case "identity":
      return elementRows(b, value, unsigned === true, context);
  }
}

/** A per-element term of the target as rows [n, S]: those asked for, with their signs unless it is an error. */
function elementRows(b: Builder, value: Value, unsigned: boolean, { target, rows, twoSided }: RowsContext): Value {
  const full = fullSample(b, value, target);
  if (rows.kind === "elements") {
    // one sample: the rows are along axis 0 of what is picked
    const flat = reshape(b, full, [sampleElements(target)]);
    const picked = unsigned
      ? b.emit("Gather", [flat, rows.indices], { axis: 0 })
      : pickSigned(b, flat, rows.indices, rows.signs);
    return reshape(b, picked, [1, picked.shape[0]!]);
  }
  const flat = reshape(b, full, [full.shape[0]!, sampleElements(target)]);
  if (!twoSided) return flat;
  return b.emit("Concat", [flat, unsigned ? flat : scale(b, flat, -1)], { axis: 1 });
}

function split(b: Builder, rows: Value, { target, rows: chosen, twoSided }: RowsContext): Bounds {
  const shaped = (value: Value): Value =>
    chosen.kind === "all" ? reshape(b, value, [value.shape[0]!, ...target.shape.slice(1)]) : value;
  if (!twoSided) return { lower: shaped(rows) };
  const size = (rows.shape[1] as number) / 2;
  const half = (start: number) => b.emit("Slice", [rows], { axis: 1, start, size, step: 1 });
  return { lower: shaped(half(0)), upper: shaped(scale(b, half(size), -1)) };
}
