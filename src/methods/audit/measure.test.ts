import { expect, test } from "vitest";
import { pgd } from "../attack/pgd.ts";
import type { Answer, AttackRecord } from "../examine.ts";
import { verifiers } from "../verify/index.ts";
import { contradictions, measureRobustness, type RobustnessPlan } from "./measure.ts";
import type { Examiner } from "./types.ts";

const done = <R>(record: R): Answer<R> => ({ kind: "done", record, seconds: 1 });

const witnessAt = (distance: number): AttackRecord => ({
  falsified: true,
  predicted: 1,
  margin: -1,
  distance,
  confidence: 0.9,
  queries: 1,
  refuted: false,
  witness: Float32Array.of(distance),
});
const standing: AttackRecord = { ...witnessAt(0), falsified: false, witness: undefined };

interface World {
  /** Radius at which input i breaks, and up to which it is proved, by the verifier of each place. */
  readonly breaks: readonly number[];
  readonly proved: readonly (readonly number[])[];
}

/** An examiner that knows the answers, and counts what it is asked. */
function oracle({ breaks, proved }: World) {
  const asked: string[] = [];
  const examiner: Examiner = {
    attack: async (_, { threat: { epsilon } }, positions) => {
      asked.push(`attack ${epsilon}: ${positions}`);
      return positions.map((i) => done(breaks[i]! <= epsilon ? witnessAt(breaks[i]!) : standing));
    },
    bound: async (verifier, { threat: { epsilon } }, positions) => {
      asked.push(`${verifier.id} ${epsilon}: ${positions}`);
      const own = proved[PLAN.verifiers.indexOf(verifier)]!;
      return positions.map((i) => done({ verified: own[i]! >= epsilon, lower: own[i]! - epsilon, reason: null }));
    },
    scan: async () => [],
    fit: async () => [],
    now: () => 0,
  };
  return { examiner, asked };
}

const PLAN: RobustnessPlan = {
  norm: "linf",
  epsilons: [0.2, 0.1, 0.3],
  domain: [0, 1],
  attack: pgd,
  budget: { restarts: 1 },
  verifiers: verifiers.slice(0, 2),
  arithmetic: "float32",
};

test("radii rise, what is settled is not asked again, and the best verifier counts", async () => {
  const { examiner, asked } = oracle({
    breaks: [0.15, 0.5, 0.25, 0.5],
    proved: [
      [0.1, 0.1, 0, 0.3],
      [0.1, 0.2, 0.1, 0.3],
    ],
  });
  const { points, witnesses, proofs } = await measureRobustness(examiner, PLAN, [0, 1, 2, 3]);
  expect(asked).toEqual([
    "attack 0.1: 0,1,2,3",
    "ibp 0.1: 0,1,2,3",
    "crown-ibp 0.1: 2",
    "attack 0.2: 0,1,2,3",
    "ibp 0.2: 0,1,2,3",
    "crown-ibp 0.2: 0,1,2",
    "attack 0.3: 1,2,3",
    "ibp 0.3: 1,3",
    "crown-ibp 0.3: 1",
  ]);
  expect(points.map(({ falsified, certified }) => [[...falsified], [...certified]])).toEqual([
    [[], [0, 1, 3, 2]],
    [[0], [3, 1]],
    [[0, 2], [3]],
  ]);
  expect([...proofs].map(([i, { epsilon }]) => [i, epsilon]).sort()).toEqual([
    [0, 0.1],
    [1, 0.2],
    [2, 0.1],
    [3, 0.3],
  ]);
  expect(witnesses.get(2)).toMatchObject({ epsilon: 0.3, method: "pgd" });
});

test("a witness inside a proved radius is a contradiction, one outside is none", async () => {
  const measure = async (proof: number) => {
    const { examiner } = oracle({ breaks: [0.15], proved: [[proof], [0]] });
    return contradictions(await measureRobustness(examiner, PLAN, [0]));
  };
  expect(await measure(0.1)).toEqual([]);
  const [conflict, ...more] = await measure(0.2);
  expect(more).toEqual([]);
  expect(conflict).toMatchObject({ position: 0, proof: { epsilon: 0.2, method: "ibp" } });
  expect(conflict!.found.record.distance).toBe(0.15);
});

test("a verifier that does not apply is named with its reason, and the others go on", async () => {
  const { examiner } = oracle({ breaks: [1], proved: [[0.3], [0.3]] });
  const refusing: Examiner = {
    ...examiner,
    bound: async (verifier, settings, positions) => {
      if (verifier.id !== "ibp") return examiner.bound(verifier, settings, positions);
      throw Object.assign(new Error('Floor "f" has no interval: it jumps'), { name: "UnsupportedReading" });
    },
  };
  const { refused, points } = await measureRobustness(refusing, PLAN, [0]);
  expect(refused).toEqual([{ title: verifiers[0]!.title, reason: 'Floor "f" has no interval: it jumps' }]);
  expect(points.every(({ certified }) => certified.has(0))).toBe(true);
});
