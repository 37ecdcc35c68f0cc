/** @file Points that come nearest to unsafe outputs, walked downhill between the batches of a search. */

import type { Rng } from "../../../random/rng.ts";
import { disjunctsOf, excessOf } from "../../../spec/queries.ts";
import type { LinearSpec } from "../../../spec/types.ts";
import type { Part } from "./clip.ts";
import type { Sampler } from "./samples.ts";

/** A point, and how far its outputs are from unsafe: the least over the disjuncts of the most that a row exceeds its threshold. */
interface Near {
  readonly point: Float32Array;
  readonly margin: number;
  /** The row that decides it. */
  readonly row: number;
  readonly place: number;
}

/** Points of a batch that are kept, of all batches before it, and steps that each takes. */
const [KEPT, BEST, STEPS] = [6, 4, 8];
/** The longest step as a share of the set's width; drawn between it and a hundred thousandth of it. */
const LONGEST = 0.2;
/** Inputs along which a step goes, at random: where rows pull in different ways, all at once lead nowhere. */
const TAKEN = 0.6;

export class Descent {
  readonly #near: Near[] = [];
  /** Of all batches so far. */
  #best: readonly Near[] = [];
  readonly #whole: Part;
  readonly #spec: LinearSpec;
  readonly #rows: Float32Array;
  readonly #random: Rng;

  /** @param rows of the one query, [S, outputs] */
  constructor(whole: Part, spec: LinearSpec, rows: Float32Array, random: Rng) {
    this.#whole = whole;
    this.#spec = spec;
    this.#rows = rows;
    this.#random = random;
  }

  /** Keeps the point where it is the nearest of its place (a part) in this batch, and that among the nearest places. */
  note(place: number, point: Float32Array, outputs: ArrayLike<number>): void {
    const near = { point, place, ...nearness(this.#spec, outputs) };
    const same = this.#near.findIndex((one) => one.place === place);
    if (same >= 0 && this.#near[same]!.margin <= near.margin) return;
    if (same >= 0) this.#near.splice(same, 1);
    this.#near.push(near);
    this.#near.sort((x, y) => x.margin - y.margin);
    this.#near.length = Math.min(KEPT, this.#near.length);
  }

  /** Steps against the sign of the deciding row's derivative; what comes nearer stays. @param met told of every point */
  async walk(sampler: Sampler, met: (point: Float32Array, outputs: Float32Array) => boolean): Promise<boolean> {
    const { outputs } = this.#spec;
    let walkers = [...this.#best, ...this.#near.splice(0)];
    for (let step = 0; step < STEPS && walkers.length > 0; step++) {
      const here = await this.#run(sampler, walkers);
      if (!here.slopes) return false;
      const inputs = walkers[0]!.point.length;
      const next = walkers.map(({ point }, m) => {
        const length = LONGEST * 10 ** (-5 * this.#random.uniform());
        return point.map((value, k) => {
          const [low, high] = [this.#whole.lower[k]!, this.#whole.upper[k]!];
          if (this.#random.uniform() > TAKEN) return value;
          // no way where the derivative is no number
          const downhill = -Math.sign(here.slopes![m * inputs + k]!) || 0;
          return Math.min(high, Math.max(low, value + downhill * length * (high - low)));
        });
      });
      const there = await this.#run(
        sampler,
        next.map((point, m) => ({ ...walkers[m]!, point })),
      );
      walkers = walkers.map((from, m) => {
        const own = there.outputs.subarray(m * outputs, (m + 1) * outputs);
        const to = { point: next[m]!, place: from.place, ...nearness(this.#spec, own) };
        return to.margin < from.margin ? to : from;
      });
      for (const [m, point] of next.entries()) {
        const own = there.outputs.subarray(m * outputs, (m + 1) * outputs);
        if (met(point, own)) return true;
      }
    }
    this.#best = walkers.toSorted((x, y) => x.margin - y.margin).slice(0, BEST);
    return false;
  }

  #run(sampler: Sampler, walkers: readonly Near[]) {
    const { outputs } = this.#spec;
    const inputs = walkers[0]!.point.length;
    const points = new Float32Array(walkers.length * inputs);
    const seeds = new Float32Array(walkers.length * outputs);
    for (const [m, { point, row }] of walkers.entries()) {
      points.set(point, m * inputs);
      seeds.set(this.#rows.subarray(row * outputs, (row + 1) * outputs), m * outputs);
    }
    return sampler.run(points, seeds);
  }
}

function nearness(spec: LinearSpec, outputs: ArrayLike<number>): { margin: number; row: number } {
  let nearest = { margin: Number.POSITIVE_INFINITY, row: 0 };
  let row = 0;
  for (const size of disjunctsOf(spec)) {
    let worst = { margin: Number.NEGATIVE_INFINITY, row };
    for (const end = row + size; row < end; row++) {
      const margin = excessOf(spec, 0, row, outputs);
      if (margin > worst.margin) worst = { margin, row };
    }
    if (worst.margin < nearest.margin) nearest = worst;
  }
  return nearest;
}
