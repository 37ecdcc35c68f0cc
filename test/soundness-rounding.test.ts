/**
 * @file Networks whose margin's sign is decided by rounding. A bound computed in float32 without counting its errors is
 * wrong on some of them; the default never is, neither about the exact network nor about the one that runs in float32,
 * in whatever order it adds.
 */

import { afterAll, describe, expect, test } from "vitest";
import { float32Tensor } from "../src/graph/tensor.ts";
import { networkOf } from "../src/methods/network.ts";
import { evaluateGraph } from "../src/ops/evaluate.ts";
import { type Rng, rng } from "../src/random/rng.ts";
import { createRuntime } from "../src/runtime/node.ts";
import { type Batch, classification } from "../src/spec/classification.ts";
import type { Arithmetic, Threat } from "../src/spec/types.ts";
import { exactSigns } from "./support/exact.ts";
import { PATIENT } from "./support/patience.ts";
import { TRAPS, type Trap, trapGraph } from "./support/traps.ts";
import { inTurn } from "./support/verifiers.ts";

const SEEDS = 2;
const BOXES = 24;
const ORDERS = 4;
/** How far points lie apart where the boxes are points. */
const NEARBY = 2 ** -16;

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const THREAT: Threat = { norm: "linf", epsilon: 0, domain: undefined };

/** Boxes around one point each, and points of each box. */
interface Boxes {
  readonly batch: Batch;
  /** [box][point] */
  readonly points: readonly (readonly Float32Array[])[];
}

function boxesOf(trap: Trap, random: Rng): Boxes {
  const { inputs, radius, size = 1 } = trap;
  // all near one point, so that one constant decides about all of them
  const base = Float64Array.from({ length: inputs }, () => 0.25 + 0.5 * random.uniform());
  const near = () => base.map((c) => Math.fround(size * (c + (4 * radius || NEARBY) * (random.uniform() - 0.5))));
  const centres = Array.from({ length: BOXES }, near);
  const lower = Float32Array.from(centres.flatMap((centre) => [...centre.map((c) => c - size * radius)]));
  const upper = Float32Array.from(centres.flatMap((centre) => [...centre.map((c) => c + size * radius)]));
  const points = centres.map((_, i) => {
    const at = (pick: (k: number) => number) =>
      Float32Array.from({ length: inputs }, (_, k) => (pick(k) === 0 ? lower : upper)[i * inputs + k]!);
    return [at(() => 0), at(() => 1), at(() => random.int(2)), at(() => random.int(2))];
  });
  const images = float32Tensor([BOXES, inputs], Float32Array.from(centres.flatMap((centre) => [...centre])));
  return { batch: { images, labels: new Int32Array(BOXES), box: { lower, upper } }, points };
}

/** For each box: does some evaluation of some point, in float32 in some order or exactly, give class 1 or a tie? */
async function violated(trap: Trap, seed: number, shift: number, { points }: Boxes): Promise<boolean[]> {
  const flat = float32Tensor(
    [points.flat().length, trap.inputs],
    Float32Array.from(points.flat().flatMap((x) => [...x])),
  );
  const per = points[0]!.length;
  const found = points.map(() => false);
  for (let order = 0; order < ORDERS; order++) {
    const session = await runtime.compile(trapGraph(trap, seed, shift, order), { float: "float32" });
    const { logits } = await session.run({ x: flat });
    for (let k = 0; k < points.flat().length; k++)
      if (!(logits!.data[2 * k]! > logits!.data[2 * k + 1]!)) found[Math.floor(k / per)] = true;
  }
  const exact = trapGraph(trap, seed, shift);
  return found.map((already, i) => already || points[i]!.some((x) => exactSigns(exact, x)[0]! <= 0));
}

/** A constant that leaves about half of the boxes with a margin below zero. */
function shiftOf(trap: Trap, seed: number, { points }: Boxes): number {
  const flat = points.flat();
  const feeds = new Map([
    ["x", float32Tensor([flat.length, trap.inputs], Float32Array.from(flat.flatMap((x) => [...x])))],
  ]);
  const values = evaluateGraph(trapGraph(trap, seed, 0), feeds).get("logits")!.data;
  const least = points.map((own, i) => Math.min(...own.map((_, k) => values[2 * (i * own.length + k)]!)));
  return Math.fround(-least.sort((p, q) => p - q)[Math.floor(least.length / 2)]!);
}

interface Tally {
  wrong: number;
  claims: number;
}

describe.each(TRAPS)("$name", (trap) => {
  test("is certified wrongly by no verifier in default arithmetic", async () => {
    const real: Tally = { wrong: 0, claims: 0 };
    const sound: Tally = { wrong: 0, claims: 0 };
    const tallies: readonly (readonly [Arithmetic, Tally])[] = [
      ["real", real],
      ["float32", sound],
    ];
    for (let seed = 0; seed < SEEDS; seed++) {
      const boxes = boxesOf(trap, rng(seed).split("boxes"));
      const middle = shiftOf(trap, seed, boxes);
      // far enough above zero, the default certifies as well: it does not just refuse
      const far = Math.fround(Math.abs(middle) * 0.5 + middle);
      for (const shift of PATIENT || seed === 0 ? [middle, far] : [middle]) {
        const bad = await violated(trap, seed, shift, boxes);
        const network = networkOf(trapGraph(trap, seed, shift), "trap");
        const queries = classification(network, boxes.batch, THREAT);
        for (const verifier of inTurn(SEEDS * TRAPS.indexOf(trap) + seed))
          for (const [arithmetic, tally] of tallies) {
            await using prepared = await verifier.prepare(network, runtime, { norm: THREAT.norm, arithmetic });
            const { lower } = await prepared.bounds(queries);
            bad.forEach((violation, i) => {
              if (!(lower[i]! > 0)) return;
              tally.claims++;
              if (!violation) return;
              tally.wrong++;
              if (arithmetic === "float32") expect.fail(`${verifier.id}, seed ${seed}, box ${i}: claims ${lower[i]}`);
            });
          }
      }
    }
    expect(real.wrong, "the trap catches arithmetic without rounding errors").toBeGreaterThan(0);
    expect(sound.wrong).toBe(0);
  });
});
