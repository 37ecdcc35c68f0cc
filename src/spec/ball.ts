/**
 * @file The set S(x) = {x′ : ‖x′ − x‖_p ≤ epsilon} ∩ domain around one input x: what differs between the norms is here, so
 * that an attack is written once.
 *
 * Every point that leaves here is float32, rounded towards x: it is in the set exactly, not up to rounding.
 */

import type { Rng } from "../random/rng.ts";
import { isInside, roundDown, roundTowards, roundUp } from "./sets.ts";
import type { Box, FloatArray, InputSet, Threat } from "./types.ts";

type Point = Float32Array;

export interface Ball {
  readonly threat: Threat;
  /** Where the linear function `gradient` is largest over S(centre). */
  linearMaximum(centre: Point, gradient: Float32Array): Point;
  /** The direction of unit length (in the norm) for one step uphill from a point. */
  steepest(gradient: Float32Array, point: Point): Float64Array;
  /** A step of so many pixels uphill from a point, projected back, where that is faster at once than one by one. */
  uphill?(centre: Point, point: Point, gradient: Float32Array, length: number): Point;
  /** The nearest point of S(centre), in the Euclidean sense. */
  project(point: Float64Array, centre: Point): Point;
  /** A random point of S(centre): uniform in the ball, then projected on the domain. */
  randomStart(centre: Point, rng: Rng): Point;
}

/** A step of so many pixels uphill from a point, projected back. */
export function stepUphill(ball: Ball, centre: Point, point: Point, gradient: Float32Array, length: number): Point {
  if (ball.uphill) return ball.uphill(centre, point, gradient, length);
  const step = ball.steepest(gradient, point);
  for (let k = 0; k < step.length; k++) step[k] = point[k]! + length * step[k]!;
  return ball.project(step, centre);
}

/** The ends of the box that a set of linf is, in float32: its projection clamps each element to them. */
export function endsOf({ epsilon, domain }: Threat, centre: Point): { readonly lower: Point; readonly upper: Point } {
  const end = (move: number): Point => {
    const places = new Float64Array(centre.length);
    for (let i = 0; i < places.length; i++) places[i] = centre[i]! + move;
    return pointAt(centre, domain, places);
  };
  return { lower: end(-epsilon), upper: end(epsilon) };
}

export function ballOf(threat: Threat): Ball {
  const ball = freeBall(threat);
  return threat.fixed?.length ? holding(ball, threat.fixed) : ball;
}

/** The sets of a batch: the threat's around every input, or the input's own box. */
export function ballsOf(
  threat: Threat,
  batch: { readonly labels: ArrayLike<number>; readonly box?: Box },
): (i: number) => Ball {
  const { box, labels } = batch;
  if (!box) {
    const ball = ballOf(threat);
    return () => ball;
  }
  const size = box.lower.length / labels.length;
  const part = (ends: Box["lower"], i: number) => ends.subarray(i * size, (i + 1) * size);
  const balls = Array.from(labels, (_, i) => boxBall({ lower: part(box.lower, i), upper: part(box.upper, i) }));
  return (i) => balls[i]!;
}

/**
 * A box as a ball of linf whose unit of length is half its longest edge: the most that a unit step moves an element is half the
 * element's own edge. Its centres must lie in it.
 */
export function boxBall({ lower, upper }: Box): Ball {
  let epsilon = 0;
  for (let i = 0; i < lower.length; i++) epsilon = Math.max(epsilon, (upper[i]! - lower[i]!) / 2);
  const share = Float64Array.from(lower, (low, i) => (epsilon > 0 ? (upper[i]! - low) / 2 / epsilon : 0));
  const project = (places: Float64Array, x: Point): Point =>
    rounded(
      places.map((place, i) => Math.min(upper[i]!, Math.max(lower[i]!, place))),
      x,
    );
  return {
    threat: { norm: "linf", epsilon, domain: undefined },
    linearMaximum: (x, g) =>
      project(
        mapped(x, (at, i) => (g[i]! > 0 ? upper[i]! : g[i]! < 0 ? lower[i]! : at)),
        x,
      ),
    steepest: (g) => signs(g).map((sign, i) => sign * share[i]!),
    project,
    randomStart: (x, rng) =>
      project(
        mapped(x, (_, i) => lower[i]! + rng.uniform() * (upper[i]! - lower[i]!)),
        x,
      ),
  };
}

/** The ball within the plane in which some values stay as they are. */
function holding(ball: Ball, fixed: readonly number[]): Ball {
  const without = (gradient: Float32Array): Float32Array => {
    const free = gradient.slice();
    for (const i of fixed) free[i] = 0;
    return free;
  };
  const held = (point: Point, centre: Point): Point => {
    for (const i of fixed) point[i] = centre[i]!;
    return point;
  };
  return {
    threat: ball.threat,
    linearMaximum: (centre, gradient) => held(ball.linearMaximum(centre, without(gradient)), centre),
    steepest: (gradient, point) => ball.steepest(without(gradient), point),
    project: (point, centre) => held(ball.project(point, centre), centre),
    randomStart: (centre, rng) => held(ball.randomStart(centre, rng), centre),
  };
}

function freeBall(threat: Threat): Ball {
  switch (threat.norm) {
    case "linf":
      return linfBall(threat);
    case "l2":
      return l2Ball(threat);
    case "l1":
      return l1Ball(threat);
    default:
      throw new Error(`unreachable: ${threat.norm satisfies never}`);
  }
}

type Domain = Threat["domain"];

const clip = (value: number, domain: Domain): number =>
  domain === undefined ? value : Math.min(domain[1], Math.max(domain[0], value));

/** The float32 points at these places, each rounded towards the centre. */
const rounded = (places: Float64Array, centre: Point): Point =>
  roundTowards(places, centre, new Float32Array(centre.length));

/** The point of the domain at these places, which it overwrites. */
function pointAt(centre: Point, domain: Domain, places: Float64Array): Point {
  if (domain !== undefined) for (let i = 0; i < places.length; i++) places[i] = clip(places[i]!, domain);
  return rounded(places, centre);
}

/** x + scale·direction. */
function moved(x: Point, direction: Float64Array, scale: number): Float64Array {
  const places = new Float64Array(x.length);
  for (let i = 0; i < places.length; i++) places[i] = x[i]! + scale * direction[i]!;
  return places;
}

/** −1, 0 or 1 without a branch: which of them is a matter of chance, and it would be guessed wrong half the time. */
const sign = (value: number): number => +(value > 0) - +(value < 0);

const signs = (g: Float32Array): Float64Array => mapped(g, sign);

function linfBall(threat: Threat): Ball {
  const { epsilon, domain } = threat;
  const [low, high] = domain ?? [-Number.MAX_VALUE, Number.MAX_VALUE];
  /** Hot, and without branches, as above: each place is a sum of which one term counts. */
  const nearest = (place: number, centre: number): number => {
    const move = place - centre;
    const over = +(move > epsilon);
    const under = +(move < -epsilon);
    const inBall = centre + (move * (1 - (over | under)) + epsilon * (over - under));
    const above = +(inBall > high);
    const below = +(inBall < low);
    return inBall * (1 - (above | below)) + high * above + low * below;
  };
  // of the step at work
  let places = new Float64Array(0);
  return {
    threat,
    linearMaximum: (x, g) => pointAt(x, domain, moved(x, signs(g), epsilon)),
    steepest: signs,
    uphill(x, point, g, length) {
      if (places.length !== x.length) places = new Float64Array(x.length);
      for (let i = 0; i < places.length; i++) places[i] = nearest(point[i]! + length * sign(g[i]!), x[i]!);
      return rounded(places, x);
    },
    project(point, x) {
      const places = new Float64Array(x.length);
      for (let i = 0; i < places.length; i++) places[i] = nearest(point[i]!, x[i]!);
      return rounded(places, x);
    },
    randomStart(x, rng) {
      const places = new Float64Array(x.length);
      for (let i = 0; i < places.length; i++) places[i] = x[i]! + epsilon * (2 * rng.uniform() - 1);
      return pointAt(x, domain, places);
    },
  };
}

function l2Ball(threat: Threat): Ball {
  const { epsilon, domain } = threat;
  /**
   * `direction` scaled by at most `most` and clipped, as far as the ball allows. The distance grows with the scale, and
   * clipped coordinates stay clipped: solving for the others raises the scale until no more coordinates are clipped.
   */
  const along = (x: Point, direction: Float64Array, most: number): Point => {
    let scale = 0;
    for (;;) {
      let [clipped, free] = [0, 0];
      for (let i = 0; i < x.length; i++) {
        const move = scale * direction[i]!;
        const kept = clip(x[i]! + move, domain) - x[i]!;
        // a coordinate at the edge moves no further; others count with their whole speed
        if (scale > 0 && Math.abs(kept) < Math.abs(move) * (1 - EDGE)) clipped += kept ** 2;
        else free += direction[i]! ** 2;
      }
      const room = epsilon ** 2 - clipped;
      const next = free > 0 && room > 0 ? Math.min(most, Math.sqrt(room / free)) : free > 0 ? scale : most;
      if (!(next > scale * (1 + EDGE))) break;
      scale = next;
    }
    return pointAt(x, domain, moved(x, direction, scale));
  };
  const steepest = (g: Float32Array): Float64Array => {
    const length = Math.sqrt(sumOf(g.length, (i) => g[i]! ** 2));
    return mapped(g, (value) => (length > 0 ? value / length : 0));
  };
  return {
    threat,
    steepest,
    // KKT: x′ = clip(x + g / μ); the smallest multiplier μ that the ball allows, or no multiplier: the domain's corner.
    linearMaximum: (x, g) => along(x, steepest(g), epsilon * L2_REACH),
    // KKT: x′ = clip(x + (y − x) / (1 + λ)), λ ≥ 0.
    project: (y, x) =>
      along(
        x,
        y.map((value, i) => value - x[i]!),
        1,
      ),
    randomStart: (x, rng) => {
      const direction = new Float64Array(x.length);
      rng.fillNormal(direction);
      const length = Math.sqrt(sumOf(x.length, (i) => direction[i]! ** 2)) || 1;
      const radius = epsilon * rng.uniform() ** (1 / x.length);
      return along(x, direction, radius / length);
    },
  };
}

/** Entries down to this share of the gradient's length may still reach the domain's edge. */
const L2_REACH = 1e6;
/** Relative differences below this are rounding of doubles. */
const EDGE = 1e-12;

/** Share of coordinates that a step in l1 moves. @source Tramèr and Boneh 2019, arXiv:1904.13000 (SLIDE), q = 99% */
const L1_STEP_SHARE = 0.01;

function l1Ball(threat: Threat): Ball {
  const { epsilon, domain } = threat;
  return {
    threat,
    linearMaximum: (x, g) => {
      const moved = Float64Array.from(x);
      let budget = epsilon;
      for (const i of byMagnitude(g)) {
        if (budget <= 0 || g[i] === 0) break;
        moved[i] = clip(x[i]! + Math.sign(g[i]!) * budget, domain);
        budget -= Math.abs(moved[i]! - x[i]!);
      }
      return pointAt(x, domain, moved);
    },
    // Pixels at the domain's edge would waste their share of the step.
    steepest: (g, point) => {
      const direction = new Float64Array(g.length);
      const share = Math.max(1, Math.round(L1_STEP_SHARE * g.length));
      const moved = topByMagnitude(g, share, (i) => clip(point[i]! + Math.sign(g[i]!), domain) !== point[i]);
      for (const i of moved) direction[i] = Math.sign(g[i]!) / moved.length;
      return direction;
    },
    // KKT: x′ = clip(x + soft threshold of y − x by λ); the distance falls with λ.
    project: (y, x) => {
      const wish = new Float64Array(x.length);
      const room = new Float64Array(x.length);
      for (let i = 0; i < x.length; i++) {
        wish[i] = Math.abs(y[i]! - x[i]!);
        room[i] =
          domain === undefined ? Number.POSITIVE_INFINITY : y[i]! > x[i]! ? domain[1] - x[i]! : x[i]! - domain[0];
      }
      const threshold = softThreshold(wish, room, epsilon);
      return pointAt(
        x,
        domain,
        mapped(x, (from, i) => from + Math.sign(y[i]! - from) * Math.max(0, wish[i]! - threshold)),
      );
    },
    randomStart: (x, rng) => {
      // Exponential magnitudes divided by their sum are uniform on the simplex.
      const sizes = Float64Array.from(x, () => -Math.log1p(-rng.uniform()));
      const total = sumOf(x.length, (i) => sizes[i]!) || 1;
      const radius = epsilon * rng.uniform() ** (1 / x.length);
      const places = mapped(x, (from, i) => from + (rng.uniform() < 0.5 ? -1 : 1) * (sizes[i]! / total) * radius);
      return pointAt(x, domain, places);
    },
  };
}

function sumOf(count: number, term: (i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += term(i);
  return sum;
}

/** As doubles; `Float64Array.from` walks an iterator and is ten times slower. */
function mapped(values: Float32Array, f: (value: number, i: number) => number): Float64Array {
  const out = new Float64Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = f(values[i]!, i);
  return out;
}

/** Indices by falling absolute value; the first of equals first. */
const byMagnitude = (g: Float32Array): Int32Array =>
  Int32Array.from(g, (_, i) => i).sort((a, b) => Math.abs(g[b]!) - Math.abs(g[a]!) || a - b);

/** The first `count` of `byMagnitude` that are allowed, without sorting all. */
function topByMagnitude(g: Float32Array, count: number, allowed: (i: number) => boolean): number[] {
  const top: number[] = [];
  for (let i = 0; i < g.length; i++) {
    const size = Math.abs(g[i]!);
    if ((top.length === count && size <= Math.abs(g[top[count - 1]!]!)) || !allowed(i)) continue;
    let place = Math.min(top.length, count - 1);
    for (; place > 0 && size > Math.abs(g[top[place - 1]!]!); place--) top[place] = top[place - 1]!;
    top[place] = i;
  }
  return top;
}

/** Halvings of an interval until doubles have no more numbers between its ends, nearly. */
const BISECTIONS = 45;

/** The smallest λ ≥ 0 with Σ min(max(wish − λ, 0), room) ≤ epsilon, rounded up. */
function softThreshold(wish: Float64Array, room: Float64Array, epsilon: number): number {
  const fits = (threshold: number): boolean => {
    let sum = 0;
    for (let i = 0; i < wish.length; i++) {
      const kept = wish[i]! - threshold;
      if (kept > 0) sum += Math.min(kept, room[i]!);
    }
    return sum <= epsilon;
  };
  if (fits(0)) return 0;
  let [low, high] = [0, wish.reduce((a, b) => Math.max(a, b), 0)];
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2;
    if (fits(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** Halvings of the way from a point that is inside to one that is not. */
const HALVINGS = 30;

/**
 * Of input i of a set of `count`, the point where the linear function `gradient` is largest; of a ball within a box one
 * where it is nearly so. In the set, where the set is not empty.
 */
export function farthestPoint(set: InputSet, count: number, i: number, gradient: Float32Array): Point {
  const own = (values: FloatArray) => values.subarray(i * gradient.length, (i + 1) * gradient.length);
  if (set.kind === "box") {
    const [lower, upper] = [own(set.lower), own(set.upper)];
    return gradient.map((slope, k) => (slope > 0 ? roundDown(upper[k]!) : roundUp(lower[k]!)));
  }
  const centre = Float32Array.from(own(set.centre));
  const farthest = ballOf(set).linearMaximum(centre, gradient);
  if (!set.within) return farthest;
  const [lower, upper] = [own(set.within.lower), own(set.within.upper)];
  const boxed = (point: Point) =>
    point.map((value, k) => Math.min(roundDown(upper[k]!), Math.max(roundUp(lower[k]!), value)));
  const inside = (point: Point) => isInside(set, count, i, { point });
  const [home, away] = [boxed(centre), boxed(farthest)];
  if (inside(away)) return away;
  let best = home;
  let [low, high] = [0, 1];
  for (let step = 0; step < HALVINGS; step++) {
    const share = (low + high) / 2;
    const point = boxed(home.map((value, k) => value + share * (away[k]! - value)));
    if (inside(point)) [low, best] = [share, point];
    else high = share;
  }
  return best;
}
