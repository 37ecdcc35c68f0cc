/**
 * @file The minimum of an affine function over the input set: the last step of a backward pass.
 * @source verification.md §1, "concretize"
 */

import { type Dim, multiplyDims } from "../../graph/dims.ts";
import type { Builder, Value } from "../../graph/types.ts";
import type { Interval } from "../../ops/op.ts";
import { abs, add, centreRadius, div, magnitude, max, min, mul, neg, reshape, scale, sub } from "../../ops/rules.ts";
import type { Arithmetic } from "../../spec/types.ts";
import { gamma, UNDERFLOW, UNIT_ROUNDOFF } from "../rounding.ts";
import { absoluteDot, dot, type LinearForm, type RowTerm } from "./backward.ts";
import { type Coefficients, perRow, pickSigned, type RowsContext, sampleElements } from "./coefficients.ts";
import { passTerms } from "./error.ts";
import { maskPatches, windowRows } from "./windows.ts";

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
  const terms: Term[] = [...form.terms];
  const errors: RowTerm[] = [...form.errors];
  for (const [input, coefficients] of form.coefficients) {
    const domain = domains.get(input)!;
    terms.push(...minimum(pass, coefficients, input, domain, arithmetic));
    if (arithmetic === "float32") {
      const { ball, box } = domain;
      // the products with the centre and the radius; a ball's with its own centre, and with steps of up to twice the size
      const size = ball ? max(b, magnitude(b, box), abs(b, ball.centre)) : magnitude(b, box);
      const factor = ball ? 8 : 1.05;
      const error = scale(b, size, factor * gamma(sampleElements(input) + passTerms(form.steps)));
      errors.push(absoluteDot(pass, coefficients, error, input));
    }
  }
  const lower = total(b, terms, form.context);
  const sound =
    arithmetic === "float32"
      ? lessError(b, lower, errors, form)
      : floorsOf(b, form).reduce((x, y) => sub(b, x, y), lower);
  return split(b, sound, form.context);
}

/** What is lost of every row of a sample, [n, 1] or []. */
const floorsOf = (b: Builder, { floor }: LinearForm): Value[] =>
  floor.map((value) => (value.shape.length === 0 ? value : reshape(b, value, [value.shape[0]!, 1])));

/** A bound less its error; −∞ where it is not a finite number, which proves nothing. */
function lessError(b: Builder, lower: Value, errors: readonly RowTerm[], form: LinearForm): Value {
  const { context, steps, largest } = form;
  // every sum over a layer may fall short by its own rounding, and every product by an underflow
  const products = 8 * largest * steps;
  const rows = total(b, errors.map(nonNegative), context);
  const error = floorsOf(b, form).reduce<Value>(
    (x, y) => add(b, x, y),
    scale(b, rows, 1 + 2 ** -8 + 2 * gamma(largest + steps)),
  );
  const whole = add(b, error, b.constant(products * UNDERFLOW));
  const rounded = add(b, whole, scale(b, abs(b, lower), 8 * UNIT_ROUNDOFF));
  const safe = sub(b, lower, rounded);
  const finite = b.emit("Less", [safe, b.constant(Number.POSITIVE_INFINITY)]);
  return b.emit("Where", [finite, safe, b.constant(Number.NEGATIVE_INFINITY)]);
}

/** A contribution to every row; `unsigned`: the same for a row and its negative. */
type Term = RowTerm & { readonly unsigned?: true };
const nonNegative = (term: RowTerm): Term => ({ ...term, unsigned: true });

/** min ⟨a, x⟩ over the domain, row by row. */
function minimum(
  pass: { b: Builder; context: RowsContext },
  a: Coefficients,
  input: Value,
  { box, ball }: Domain,
  arithmetic: Arithmetic,
): readonly Term[] {
  const { b } = pass;
  const { centre, radius } = centreRadius(b, box);
  const middle = dot(pass, a, centre, input);
  const spread = radius && absoluteDot(pass, a, radius, input);
  // one element a row, which the box bounds as well as any ball in it
  if (a.kind === "identity")
    return spread ? [middle, nonNegative({ ...spread, value: neg(b, spread.value) })] : [middle];
  const overBox = spread ? subtract(b, middle, spread) : middle;
  if (!ball) return [overBox];
  const overBall = ball.norm === "l2" ? overL2(pass, a, input, box, ball, arithmetic) : overL1(pass, a, input, ball);
  // both hold on the intersection
  return [{ layout: a.kind, value: max(b, overBox.value, overBall) }];
}

type Ball = NonNullable<Domain["ball"]>;

/** ⟨a, x₀⟩ − ε·max|aᵢ| over an l1 ball. */
function overL1(pass: { b: Builder; context: RowsContext }, a: Coefficients, input: Value, ball: Ball): Value {
  const { b } = pass;
  const { rows, axes } = rowsInside(b, a, input);
  const largest = b.emit("ReduceMax", [abs(b, rows)], { axes, keepdims: false });
  return sub(b, dot(pass, a, ball.centre, input).value, mul(b, largest, radiusRows(b, ball.radius, a)));
}

/** Any multiplier gives a valid bound; these ends only keep it a number where a row or the radius vanishes. */
const [LEAST_MULTIPLIER, LARGEST_MULTIPLIER] = [1e-30, 1e30];

/** Roundings of the penalty μ·ε²/2, and what the sum of it with the rest loses relative to it. */
const PENALTY_SLACK = 2 ** -19;

/**
 * Lagrangian bound over an l2 ball ∩ box: ⟨a, x₀⟩ + Σ min over the box of (aᵢδᵢ + μδᵢ²/2) − με²/2, valid for every μ > 0.
 * μ = ‖a‖₂/ε makes it ⟨a, x₀⟩ − ε‖a‖₂ where the box does not matter, and more where it does.
 */
function overL2(
  pass: { b: Builder; context: RowsContext },
  a: Coefficients,
  input: Value,
  box: Interval,
  ball: Ball,
  arithmetic: Arithmetic,
): Value {
  const { b } = pass;
  const { rows, axes, inside } = rowsInside(b, a, input);
  const length = b.emit("Sqrt", [b.emit("ReduceSum", [mul(b, rows, rows)], { axes, keepdims: true })]);
  const radius = radiusRows(b, ball.radius, a);
  const perRows = radius.shape.length === 0 ? radius : reshape(b, radius, [...radius.shape, ...axes.map(() => 1)]);
  const wanted = div(b, length, perRows);
  const multiplier = min(b, max(b, wanted, b.constant(LEAST_MULTIPLIER)), b.constant(LARGEST_MULTIPLIER));
  const end = (value: Value): Value => {
    const offset = sub(b, value, ball.centre);
    return inside.kind === "patches" ? windowRows(b, inside, offset, input) : perRow(b, offset, input.shape.length);
  };
  const step = min(b, max(b, neg(b, div(b, rows, multiplier)), end(box.lower)), end(box.upper));
  const gains = mul(b, step, add(b, rows, scale(b, mul(b, multiplier, step), 0.5)));
  const gain = b.emit("ReduceSum", [gains], { axes, keepdims: false });
  const half = arithmetic === "float32" ? 0.5 * (1 + PENALTY_SLACK) : 0.5;
  const flat = reshape(b, multiplier, multiplier.shape.slice(0, axes[0]));
  const penalty = scale(b, mul(b, flat, mul(b, radius, radius)), half);
  return sub(b, add(b, dot(pass, a, ball.centre, input).value, gain), penalty);
}

/** Rows with their sample axes; of patches, what lies on the padding is zero: it does not vary. */
function rowsInside(b: Builder, a: Coefficients, input: Value) {
  if (a.kind === "identity") throw new Error("unreachable: the box bounds single elements");
  const inside = a.kind === "patches" ? maskPatches(b, a, input) : a;
  const lead = inside.kind === "dense" ? 2 : 3;
  const axes = inside.value.shape.map((_, axis) => axis).slice(lead);
  return { rows: inside.value, axes, inside };
}

const subtract = (b: Builder, x: RowTerm, y: RowTerm): RowTerm => ({
  layout: x.layout,
  value: sub(b, x.value, y.value),
});

/** The radius, [] or [n], beside rows. */
const radiusRows = (b: Builder, radius: Value, a: Coefficients): Value =>
  radius.shape.length === 0 ? radius : reshape(b, radius, [radius.shape[0]!, ...(a.kind === "dense" ? [1] : [1, 1])]);

/** The sum of all terms as rows: [n, S], or [n, 2·S] with the negated rows second. */
function total(b: Builder, terms: readonly Term[], context: RowsContext): Value {
  const rows = terms.map((term) => asRows(b, term, context));
  return rows.reduce((x, y) => add(b, x, y));
}

function asRows(b: Builder, { layout, value, unsigned }: Term, context: RowsContext): Value {
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

/** A term for each element [n, S] as rows: those asked for, with their signs unless it is an error. */
function elementRows(b: Builder, value: Value, unsigned: boolean, { rows, twoSided }: RowsContext): Value {
  if (rows.kind === "elements") {
    // one sample: the rows are along axis 0 of what is picked
    const flat = reshape(b, value, [value.shape[1]!]);
    const picked = unsigned
      ? b.emit("Gather", [flat, rows.indices], { axis: 0 })
      : pickSigned(b, flat, rows.indices, rows.signs);
    return reshape(b, picked, [1, picked.shape[0]!]);
  }
  if (!twoSided) return value;
  return b.emit("Concat", [value, unsigned ? value : scale(b, value, -1)], { axis: 1 });
}

function split(b: Builder, rows: Value, { target, rows: chosen, twoSided }: RowsContext): Bounds {
  const shaped = (value: Value): Value =>
    chosen.kind === "all" ? reshape(b, value, [value.shape[0]!, ...target.shape.slice(1)]) : value;
  if (!twoSided) return { lower: shaped(rows) };
  const size = (rows.shape[1] as number) / 2;
  const half = (start: number) => b.emit("Slice", [rows], { axis: 1, start, size, step: 1 });
  return { lower: shaped(half(0)), upper: shaped(scale(b, half(size), -1)) };
}
