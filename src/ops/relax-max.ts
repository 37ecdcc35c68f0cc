/** @file Planes below and above a maximum. */

import type { OpAttrs } from "../graph/signatures.ts";
import type { Builder, Value } from "../graph/types.ts";
import type { Interval, LinearBounds } from "./op.ts";
import { less, select } from "./relax-lines.ts";
import { abs, add, div, max, min, mul, neg, reshape, scale, sub } from "./rules.ts";

/** Widths below this share of the ends' size are rounding; a wider one is used to place γ, which is sound anywhere. */
const NARROWEST = 1e-6;

/** Where in the box, from its lower corner, the plane is compared with the constant. */
const PLANE_AT = 0.75;

/**
 * Below: the operand with the largest lower end (ties: their mean). Above: Σ aᵢ·(xᵢ − lᵢ) + γ over the operands that can
 * win, aᵢ = (uᵢ − γ)/(uᵢ − lᵢ), sound for every γ between the largest lower and the least such upper end; when one
 * operand alone can win, it is that operand.
 *
 * @source lower: DeepPoly (Singh et al. 2019, doi:10.1145/3290354); upper: CNN-Cert (Boopathy et al. 2018, arXiv:1811.12395)
 */
export function maxPlanes(
  b: Builder,
  { lower: l, upper: u }: Interval,
  { axes, keepdims }: OpAttrs["ReduceMax"],
): LinearBounds {
  const over = (op: "ReduceMax" | "ReduceSum", value: Value): Value => b.emit(op, [value], { axes, keepdims: true });
  const least = (value: Value): Value => neg(b, over("ReduceMax", neg(b, value)));
  const [zero, one] = [b.constant(0), b.constant(1)];

  const bar = over("ReduceMax", l);
  const first = b.emit("Cast", [b.emit("Equal", [l, bar])], { to: "float" });
  const below = div(b, first, max(b, over("ReduceSum", first), one));

  const canWin = less(b, bar, u);
  const width = sub(b, u, l);
  const floor = scale(b, add(b, max(b, abs(b, l), abs(b, u)), one), NARROWEST);
  const inverse = select(b, canWin, div(b, one, max(b, width, floor)), zero);
  const total = over("ReduceSum", inverse);
  const anyone = less(b, zero, total);
  const crossing = div(b, sub(b, over("ReduceSum", mul(b, u, inverse)), one), select(b, anyone, total, one));
  const ceiling = least(select(b, canWin, u, over("ReduceMax", u)));
  const gamma = max(b, bar, select(b, anyone, min(b, crossing, ceiling), bar));
  const share = div(b, sub(b, u, gamma), select(b, canWin, width, one));
  const above = select(b, canWin, min(b, max(b, share, zero), one), zero);

  const offset = sub(b, gamma, over("ReduceSum", mul(b, above, l)));

  // many operands raise the plane above the constant: then the constant, unless the plane is one operand itself
  const top = over("ReduceMax", u);
  const spread = over("ReduceSum", mul(b, above, width));
  const flat = less(b, top, add(b, gamma, scale(b, spread, PLANE_AT)));
  const shape = b.emit("ReduceMax", [l], { axes, keepdims }).shape;
  return {
    lower: { slopes: [below], offset: undefined },
    upper: { slopes: [select(b, flat, zero, above)], offset: reshape(b, select(b, flat, top, offset), shape) },
  };
}
