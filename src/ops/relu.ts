import type { Builder, Value } from "../graph/types.ts";
import { defineOp, type Interval, type LinearBounds, type SlopeRule } from "./op.ts";
import { add, div, increasing, inferSame, mapElements, max, min, mul, neg, neverLinear, sub } from "./rules.ts";

/**
 * Makes 0/0 at l = u = 0 a zero; float32's smallest normal number. A narrower unit's chord is too low by less than it,
 * which the error of a line counts as underflow.
 */
const WIDTH_FLOOR = 2 ** -126;

/**
 * max(x, 0), element-wise.
 * @source relax: two lines; upper the chord, lower by the slope rule. Fast-Lin (Weng et al. 2018, arXiv:1804.09699)
 *   takes the chord's slope, CROWN (Zhang et al. 2018, arXiv:1811.00866) 1 where u > −l and 0 otherwise (tie → 0).
 */
export const Relu = defineOp<"Relu">({
  name: "Relu",
  arity: 1,
  infer: inferSame,
  evaluate: mapElements((x) => Math.max(x, 0)),
  vjp: (b, { inputs: [x] }, dy) => [mul(b, dy, b.emit("Step", [x!]))],
  linearity: neverLinear,
  interval: increasing("Relu"),
  relax: (b, [x], _, slope) => reluBounds(b, x!, slope),
  kinks: () => [0],
  rounding: { kind: "exact" },
});

export function reluBounds(b: Builder, { lower, upper }: Interval, rule: SlopeRule): LinearBounds {
  const zero = b.constant(0);
  const below = min(b, lower, zero);
  const above = b.emit("Relu", [upper]);
  // s = u⁺/(u⁺ − l⁻): 1 where active, 0 where inactive, the chord's slope between
  const width = max(b, sub(b, above, below), b.constant(WIDTH_FLOOR));
  const chord = div(b, above, width);
  const active = sub(b, b.constant(1), b.emit("Step", [neg(b, lower)]));
  return {
    lower: { slopes: [lowerSlope(b, rule, chord, active, { lower, upper })], offset: undefined },
    upper: { slopes: [chord], offset: neg(b, mul(b, chord, below)) },
  };
}

function lowerSlope(b: Builder, rule: SlopeRule, chord: Value, active: Value, { lower, upper }: Interval): Value {
  switch (rule) {
    case "parallel":
      return chord;
    case "zero":
      return active;
    case "one":
      return b.emit("Step", [upper]);
    case "adaptive":
      // u > −l also holds for every active unit but l = u = 0, where any slope serves
      return b.emit("Step", [add(b, upper, lower)]);
    default:
      // α ∈ [0, 1] where unstable, the unit's own slope where stable
      return max(b, active, mul(b, b.emit("Step", [upper]), rule.alpha));
  }
}
