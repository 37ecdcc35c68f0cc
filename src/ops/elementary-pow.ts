/** @file Powers. */

import { floatTensor } from "../graph/tensor.ts";
import type { Builder, Value } from "../graph/types.ts";
import { absInterval, definedWhere, imageOnDomain, NON_NEGATIVE, onDomain, reciprocalInterval } from "./elementary.ts";
import { KERNEL } from "./kernel-errors.ts";
import { defineOp, type Interval, isConstant, isPoint, type LinearBounds, point, type SlopeRule } from "./op.ts";
import { type Curve, concaveLines, convexLines, mirroredRule, negated, sShapedLines } from "./relax-lines.ts";
import { constantBounds, hull, inferBroadcast, mapElements, mul, neverLinear, scale, unbroadcast } from "./rules.ts";

const pow = (b: Builder, x: Value, exponent: Value): Value => b.emit("Pow", [x, exponent]);

/** The exponent where it is one known number. */
export function uniformExponent(exponent: Value): number | undefined {
  if (!isConstant(exponent)) return undefined;
  const first = exponent.tensor.data[0];
  return exponent.tensor.data.every((value) => value === first) ? first : undefined;
}

/** x^(y − 1), with known exponents folded, so that the readings of the derivative see a known exponent too. */
function lowerPower(b: Builder, x: Value, exponent: Value): Value {
  if (!isConstant(exponent)) return pow(b, x, b.emit("Sub", [exponent, b.constant(1)]));
  const uniform = uniformExponent(exponent);
  if (uniform === 2) return x;
  const { shape, data } = exponent.tensor;
  return pow(
    b,
    x,
    b.constant(
      floatTensor(
        shape,
        Array.from(data, (value) => value - 1),
      ),
    ),
  );
}

/**
 * x^y, element-wise with broadcasting.
 *
 * Bounds know the shape of x^p for one known exponent p; for several, or a varying one, they need x > 0, where the power
 * is monotone in each operand.
 */
export const Pow = defineOp<"Pow">({
  name: "Pow",
  arity: 2,
  infer: inferBroadcast("float"),
  evaluate: mapElements((x, y) => x ** y),
  vjp: (b, { inputs: [x, y], output, wanted }, dy) => [
    wanted[0] && uniformExponent(y!) !== 0
      ? unbroadcast(b, mul(b, dy, mul(b, y!, lowerPower(b, x!, y!))), x!.shape)
      : undefined,
    wanted[1] ? unbroadcast(b, mul(b, dy, mul(b, output, b.emit("Log", [x!]))), y!.shape) : undefined,
  ],
  linearity: neverLinear,
  interval: (b, [x, y]) => powInterval(b, x!, y!),
  relax: (b, [x, y], _, rule) => {
    const lines = isPoint(y!) ? powLines(b, x!, y!.lower, rule) : undefined;
    if (!lines) return constantBounds(powInterval(b, x!, y!), 2);
    const forBoth = ({ slopes, offset }: LinearBounds["lower"]) => ({ slopes: [slopes[0], undefined], offset });
    return { lower: forBoth(lines.lower), upper: forBoth(lines.upper) };
  },
  rounding: KERNEL.Pow,
  // an odd power keeps the sign; a power of a negative number that is not whole is no number
  range: ({ inputs: [, y] }) => (Math.abs(uniformExponent(y!) ?? 1) % 2 === 1 ? undefined : NON_NEGATIVE),
});

function powInterval(b: Builder, x: Interval, y: Interval): Interval {
  if (isPoint(x) && isPoint(y)) return point(pow(b, x.lower, y.lower));
  const p = isPoint(y) ? uniformExponent(y.lower) : undefined;
  if (p === undefined) return positivePower(b, x, y);
  const at = ({ lower, upper }: Interval): Interval => ({
    lower: pow(b, lower, y.lower),
    upper: pow(b, upper, y.lower),
  });
  if (p === 0) return point(pow(b, x.lower, y.lower));
  if (!Number.isInteger(p)) {
    return imageOnDomain(b, x, p > 0 ? "x ≥ 0" : "x > 0", (box) => {
      const ends = at(box);
      return p > 0 ? ends : { lower: ends.upper, upper: ends.lower };
    });
  }
  if (p > 0) return at(p % 2 === 0 ? absInterval(b, x) : x);
  const opposite = { lower: b.constant(-p), upper: b.constant(-p) };
  const power = powInterval(b, x, point(opposite.lower));
  return reciprocalInterval(b, power);
}

/** Corners of the box, where x > 0; nothing is known otherwise. */
function positivePower(b: Builder, x: Interval, y: Interval): Interval {
  const ends = (i: Interval) => (isPoint(i) ? [i.lower] : [i.lower, i.upper]);
  const corners = hull(
    b,
    ends(x).flatMap((p) => ends(y).map((q) => pow(b, p, q))),
  );
  const positive = b.emit("Greater", [x.lower, b.constant(0)]);
  return definedWhere(b, positive, corners);
}

/** Lines in x for one known exponent, by the shape of the curve; undefined where it has no single shape. */
function powLines(b: Builder, x: Interval, exponent: Value, rule: SlopeRule): LinearBounds | undefined {
  const p = uniformExponent(exponent);
  if (p === undefined || p === 0) return undefined;
  const image = powInterval(b, x, point(exponent));
  const curve: Curve = {
    at: (at, v) => pow(at, v, exponent),
    slope: (at, v) => scale(at, lowerPower(at, v, exponent), p),
  };
  if (p === 1)
    return {
      lower: { slopes: [b.constant(1)], offset: undefined },
      upper: { slopes: [b.constant(1)], offset: undefined },
    };
  if (Number.isInteger(p) && p > 0) {
    if (p % 2 === 0) return convexLines(b, curve, x, rule, image);
    // concave left of 0 and convex right of it: −x^p is S-shaped
    const mirrored: Curve = {
      at: (at, v) => scale(at, curve.at(at, v), -1),
      slope: (at, v, y) => scale(at, curve.slope(at, v, y), -1),
    };
    const flipped = { lower: scale(b, image.upper, -1), upper: scale(b, image.lower, -1) };
    return negated(b, sShapedLines(b, mirrored, x, mirroredRule(rule), flipped));
  }
  if (Number.isInteger(p)) return undefined;
  const domain = onDomain(b, x);
  return p > 0 && p < 1 ? concaveLines(b, curve, domain, rule, image) : convexLines(b, curve, domain, rule, image);
}
