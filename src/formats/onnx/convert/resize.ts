/** @file Resize and Upsample: along each axis a selection (nearest) or a matrix of interpolation weights. */

import type { Value } from "../../../graph/types.ts";
import { doubles } from "../fold.ts";
import type { OnnxNode } from "../node.ts";
import type { Operand } from "../operand.ts";
import { multiplyAxis, takeAxis } from "./movement.ts";
import type { ConverterTable } from "./types.ts";

interface AxisPlan {
  readonly axis: number;
  readonly from: number;
  readonly to: number;
  /** Output size over input size, as the file gives it: it need not be their quotient. */
  readonly scale: number;
  /** tf_crop_and_resize: the part of the axis that is read, as fractions. */
  readonly roi: readonly [number, number];
}

interface Style {
  readonly mode: "nearest" | "linear" | "cubic";
  readonly coordinates: string;
  readonly nearest: string;
  readonly cubic: number;
  readonly excludeOutside: boolean;
  readonly extrapolation: number;
}

/**
 * Where in the input an output's place lies: the formulas of the ONNX operator's coordinate_transformation_mode, rounded
 * to float32 as the runtime rounds them, since `floor` and `ceil` tell 2 from the number below it.
 */
function coordinate(n: OnnxNode, { from, to, scale, roi }: AxisPlan, i: number, mode: string): number {
  const f = Math.fround;
  const halfPixel = () => f(f((i + 0.5) / scale) - 0.5);
  switch (mode) {
    case "half_pixel":
      return halfPixel();
    case "half_pixel_symmetric": {
      const adjustment = f(to / f(scale * from));
      return f(f((from / 2) * f(1 - adjustment)) + halfPixel());
    }
    case "pytorch_half_pixel":
      return to > 1 ? halfPixel() : 0;
    case "align_corners":
      // the standard divides by the unrounded size, ONNX Runtime by the rounded one
      if (Math.abs(scale * from - to) > 1e-6 * to)
        throw n.unsupported(
          "aligns corners at a scale that gives no whole size: runtimes disagree on it; export it with sizes",
        );
      return to > 1 ? f((i * (from - 1)) / (to - 1)) : 0;
    case "tf_half_pixel_for_nn":
      return f((i + 0.5) / scale);
    case "asymmetric":
      return f(i / scale);
    case "tf_crop_and_resize":
      return to > 1
        ? roi[0] * (from - 1) + (i * (roi[1] - roi[0]) * (from - 1)) / (to - 1)
        : 0.5 * (roi[0] + roi[1]) * (from - 1);
    default:
      throw n.unsupported(`knows no coordinate_transformation_mode "${mode}"`);
  }
}

/** @param shrinks the axis becomes shorter: before opset 11 the runtime then rounds up, else down */
function nearestIndex(n: OnnxNode, x: number, mode: string, shrinks: boolean): number {
  switch (mode) {
    case "simple":
      return shrinks ? Math.ceil(x) : Math.floor(x);
    case "round_prefer_floor":
      return Math.ceil(x - 0.5);
    case "round_prefer_ceil":
      return Math.floor(x + 0.5);
    case "floor":
      return Math.floor(x);
    case "ceil":
      return Math.ceil(x);
    default:
      throw n.error(`knows no nearest_mode "${mode}"`);
  }
}

/** Keys' kernel with parameter a, at distances −1 − t, −t, 1 − t, 2 − t. */
function cubicWeights(t: number, a: number): number[] {
  const near = (d: number) => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d: number) => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return [far(1 + t), near(t), near(1 - t), far(2 - t)];
}

/** One output as a weighted sum of inputs: [place, weight]. */
function taps(x: number, size: number, style: Style): [number, number][] {
  const clamp = (place: number) => Math.max(0, Math.min(size - 1, place));
  const floor = Math.floor(x);
  const t = x - floor;
  if (style.mode === "linear") {
    const at = clamp(x);
    const left = Math.floor(at);
    return [
      [left, 1 - (at - left)],
      [clamp(left + 1), at - left],
    ];
  }
  const raw = cubicWeights(t, style.cubic).map((weight, i): [number, number] => [floor - 1 + i, weight]);
  if (!style.excludeOutside) return raw.map(([place, weight]) => [clamp(place), weight]);
  const inside = raw.filter(([place]) => place >= 0 && place < size);
  const total = inside.reduce((sum, [, weight]) => sum + weight, 0);
  return inside.map(([place, weight]) => [place, weight / total]);
}

function resizeAxis(n: OnnxNode, x: Operand, plan: AxisPlan, style: Style): Operand {
  const { axis, from, to } = plan;
  n.b.claim(to);
  const places = Array.from({ length: to }, (_, i) => coordinate(n, plan, i, style.coordinates));
  if (style.mode === "nearest") {
    const indices = places.map((place) =>
      Math.max(0, Math.min(from - 1, nearestIndex(n, place, style.nearest, plan.scale < 1))),
    );
    return takeAxis(n, x, axis, indices);
  }
  n.b.claim(from, to);
  const matrix = new Float64Array(from * to);
  places.forEach((place, i) => {
    for (const [at, weight] of taps(place, from, style)) matrix[at * to + i]! += weight;
  });
  return multiplyAxis(n, n.toValue(x), axis, n.b.constant(doubles([from, to], matrix)));
}

function readStyle(n: OnnxNode): Style {
  const mode = n.string("mode", "nearest");
  if (mode !== "nearest" && mode !== "linear" && mode !== "cubic") throw n.error(`knows no mode "${mode}"`);
  if (n.int("antialias", 0) !== 0) throw n.unsupported("antialias is not supported");
  const old = n.opset < 11;
  const coordinates = old ? "asymmetric" : n.string("coordinate_transformation_mode", "half_pixel");
  return {
    mode,
    coordinates,
    nearest: old ? "simple" : n.string("nearest_mode", "round_prefer_floor"),
    cubic: n.float("cubic_coeff_a", -0.75),
    excludeOutside: n.int("exclude_outside", 0) !== 0,
    extrapolation: n.float("extrapolation_value", 0),
  };
}

/** Scales and sizes per axis; Resize-11 takes x, roi, scales, sizes, older versions x, scales. */
function readPlans(n: OnnxNode, x: Value, coordinates: string): AxisPlan[] {
  const rank = x.shape.length;
  const old = n.source.op === "Upsample" || n.opset < 11;
  const axes = n.hasAttribute("axes")
    ? n.ints("axes").map((axis) => n.axis(axis, rank))
    : x.shape.map((_, axis) => axis);
  const list = (index: number): readonly number[] | undefined => {
    if (!n.has(index)) return undefined;
    const { data } = n.constant(index);
    return data.length === 0 ? undefined : Array.from(data);
  };
  const scales = old && n.hasAttribute("scales") ? n.floats("scales") : list(old ? 1 : 2);
  const sizes = old ? undefined : list(3);
  const listed = sizes ?? scales;
  if (listed?.length !== axes.length) throw n.error(`needs a scale or size for each of ${axes.length} axes`);
  const common = sizes && commonScale(n, x, axes, sizes);
  const given = common === undefined ? listed : axes.map(() => common);
  const roi = coordinates === "tf_crop_and_resize" ? (list(1) ?? []) : [];
  return axes.flatMap((axis, i): AxisPlan[] => {
    const dim = x.shape[axis]!;
    const value = given[i]!;
    if (typeof dim !== "number") {
      // sizes of a traced model repeat its batch of 1
      if (value === 1) return [];
      throw n.unsupported("resizes the batch axis");
    }
    // in float32, as the runtime does: 2.6 · 5 is 13 there, and below it in double
    const [whole, scaled] = [sizes && common === undefined, Math.fround(dim * value)];
    const to = whole ? value : common === undefined ? Math.floor(scaled) : Math.round(scaled);
    const scale = whole ? Math.fround(to / dim) : value;
    if (!(value > 0) || !Number.isSafeInteger(to) || to < 1)
      throw n.error(`cannot resize an axis of ${dim} by ${value}`);
    const part: [number, number] = [roi[i] ?? 0, roi[i + axes.length] ?? 1];
    return to === dim && scale === 1 && part[0] === 0 && part[1] === 1
      ? []
      : [{ axis, from: dim, to, scale, roi: part }];
  });
}

/** The one scale by which sizes that keep the proportions are reached or not exceeded; undefined where they need not. */
function commonScale(n: OnnxNode, x: Value, axes: readonly number[], sizes: readonly number[]): number | undefined {
  const policy = n.string("keep_aspect_ratio_policy", "stretch");
  if (policy === "stretch") return undefined;
  if (policy !== "not_larger" && policy !== "not_smaller") throw n.error(`knows no policy "${policy}"`);
  const scales = sizes.map((size, i) => Math.fround(size / n.fixed(x.shape, axes[i]!)));
  return policy === "not_larger" ? Math.min(...scales) : Math.max(...scales);
}

function resize(n: OnnxNode): Operand {
  const style = readStyle(n);
  const x = n.value(0);
  const plans = readPlans(n, x, style.coordinates);
  let result: Operand = x;
  for (const plan of plans) result = resizeAxis(n, result, plan, style);
  return style.coordinates === "tf_crop_and_resize" ? extrapolate(n, n.toValue(result), plans, style) : result;
}

/** What lies outside the input takes a fixed value. */
function extrapolate(n: OnnxNode, x: Value, plans: readonly AxisPlan[], style: Style): Value {
  return plans.reduce((result, plan) => {
    n.b.claim(plan.to);
    const inside = Uint8Array.from({ length: plan.to }, (_, i) => {
      const at = coordinate(n, plan, i, style.coordinates);
      return at >= 0 && at <= plan.from - 1 ? 1 : 0;
    });
    if (!inside.includes(0)) return result;
    const shape = x.shape.map((_, axis) => (axis === plan.axis ? plan.to : 1));
    const mask = n.b.constant({ dtype: "bool", shape, data: inside });
    return n.b.emit("Where", [mask, result, n.b.constant(style.extrapolation)]);
  }, x);
}

export const resizing: ConverterTable = { Resize: resize, Upsample: resize };
