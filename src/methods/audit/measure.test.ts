import { expect, test } from "vitest";
import type { Arithmetic } from "../../spec/types.ts";
import type { Verdict } from "../../spec/verdict.ts";
import { pgd } from "../attack/pgd.ts";
import type { Answer, AttackRecord } from "../records.ts";
import { verifiers } from "../verify/index.ts";
import {
  beginCourse,
  contradictions,
  measureRobustness,
  proveRadii,
  type RobustnessPlan,
  resultOf,
} from "./measure.ts";
import { screenPatches } from "./measure-patches.ts";
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
  notANumber: false,
  zeroGradient: false,
  witness: Float32Array.of(distance),
});
const standing: AttackRecord = { ...witnessAt(0), falsified: false, witness: undefined };

interface World {
  /** Radius at which input i breaks, and up to which it is proved, by the verifier of each place. */
  readonly breaks: readonly number[];
  readonly proved: readonly (readonly number[])[];
}

function verdictAt(margin: number, arithmetic: Arithmetic): Verdict {
  if (margin < 0) return { kind: "unknown", arithmetic, margin, reason: "relaxation-too-loose" };
  return arithmetic === "real" ? { kind: "bounded", arithmetic, margin } : { kind: "verified", arithmetic, margin };
}

/** An examiner that knows the answers, and counts what it is asked. */
function oracle({ breaks, proved }: World, own = PLAN.verifiers) {
  const asked: string[] = [];
  const examiner: Examiner = {
    attack: async (_, { threat: { epsilon } }, positions) => {
      asked.push(`attack ${epsilon}: ${positions}`);
      return positions.map((i) => done(breaks[i]! <= epsilon ? witnessAt(breaks[i]!) : standing));
    },
    bound: async (verifier, { threat: { epsilon }, arithmetic }, positions) => {
      asked.push(`${verifier.id} ${epsilon}: ${positions}`);
      const radii = proved[own.indexOf(verifier)]!;
      return positions.map((i) => done({ verdict: verdictAt(radii[i]! - epsilon, arithmetic), sampled: null }));
    },
    scan: async () => [],
    fit: async () => [],
    now: () => 0,
    least: () => 0,
  };
  return { examiner, asked };
}

const PLAN: RobustnessPlan = {
  norm: "linf",
  epsilons: [0.2, 0.1, 0.3],
  domain: [0, 1],
  attacks: [pgd],
  verifiers: verifiers.slice(0, 2),
  arithmetic: "float32",
};

test("attacks begin at the first radius, then radii rise; what is settled is not asked again, and the best verifier counts", async () => {
  const { examiner, asked } = oracle({
    breaks: [0.15, 0.5, 0.25, 0.5],
    proved: [
      [0.1, 0.1, 0, 0.3],
      [0.1, 0.2, 0.1, 0.3],
    ],
  });
  const { points, witnesses, proofs } = await measureRobustness(examiner, PLAN, [0, 1, 2, 3]);
  expect(asked).toEqual([
    "attack 0.2: 0,1,2,3",
    "attack 0.1: 0",
    "attack 0.3: 1,2,3",
    "ibp 0.1: 0,1,2,3",
    "ibp 0.2: 0,1,3",
    "ibp 0.3: 3",
    "crown-ibp 0.1: 2",
    "crown-ibp 0.2: 0,1,2",
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

test("slow proofs are left out where attacks have surely answered, and cheap ones are held against the witnesses there", async () => {
  const inputs = Array.from({ length: 40 }, (_, i) => i);
  const [cheap, slow] = [verifiers.find(({ id }) => id === "ibp")!, verifiers.find(({ id }) => id === "crown")!];
  // 40 of 40 break at 0.2, so surely fewer than half stand; 20 of 40 at 0.1, which leaves that open
  const breaks = inputs.map((i) => (i % 2 === 0 ? 0.05 : 0.15));
  const plan = { ...PLAN, epsilons: [0.1, 0.2], verifiers: [cheap, slow] };
  const askedWith = async (asked: RobustnessPlan["asked"]) => {
    const { examiner, asked: calls } = oracle({ breaks, proved: [breaks, breaks] }, plan.verifiers);
    const { needless } = await measureRobustness(examiner, { ...plan, ...(asked && { asked }) }, inputs);
    return { needless, proofs: calls.map((call) => call.split(":")[0]!).filter((call) => !call.startsWith("attack")) };
  };
  const all = ["ibp 0.1", "ibp 0.2", "crown 0.1", "crown 0.2"];
  // nothing is proved at 0.1 of the first half, so that 0.2 is asked of the others
  expect(await askedWith(undefined)).toEqual({ needless: [], proofs: all });
  expect(await askedWith({ least: 0.5, inputs: 40 })).toEqual({
    needless: [{ title: slow.title, from: 0.2 }],
    proofs: ["ibp 0.1", "ibp 0.2", "crown 0.1"],
  });
});

test("proofs of which not even one fits the time are not begun, and how many times too little there was is said", async () => {
  const { examiner, asked } = oracle({
    breaks: [1, 1],
    proved: [
      [0, 0],
      [0.3, 0.3],
    ],
  });
  // ten classes: two ends of the boxes, and nine margins backwards, at a second each
  const course = beginCourse({ ...PLAN, epsilons: [0.1], classes: 10 }, [0, 1]);
  const slow: Examiner = { ...examiner, least: (runs) => runs };
  const [ibp, crownIbp] = PLAN.verifiers;
  await proveRadii(slow, course, crownIbp!, 5);
  expect(asked).toEqual([]);
  expect(resultOf(course).unexamined).toEqual([
    { title: crownIbp!.title, epsilon: 0.1, left: 2, of: 2, reason: "time-budget", times: 3 },
  ]);
  expect([...resultOf(course).points[0]!.reasons]).toEqual([
    [0, "time-budget"],
    [1, "time-budget"],
  ]);
  await proveRadii(slow, course, ibp!, 5);
  await proveRadii(slow, course, crownIbp!, 11);
  expect(asked).toEqual(["ibp 0.1: 0,1", "crown-ibp 0.1: 0,1"]);
  expect(resultOf(course).unexamined).toEqual([]);
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

test("bounds in real arithmetic certify nothing, prove nothing, and contradict no witness", async () => {
  const { examiner } = oracle({
    breaks: [0.15, 1],
    proved: [
      [0.3, 0.3],
      [0, 0],
    ],
  });
  const result = await measureRobustness(examiner, { ...PLAN, arithmetic: "real" }, [0, 1]);
  expect(result.points.map(({ certified, bounded }) => [certified.size, bounded.size])).toEqual([
    [0, 2],
    [0, 2],
    [0, 2],
  ]);
  expect([result.proofs.size, contradictions(result)]).toEqual([0, []]);
  for (const { purpose, counts } of result.runs)
    if (purpose === "verify") expect(counts).not.toHaveProperty("certified");
});

test("a verifier that does not apply is named with its reason, and the others go on", async () => {
  const { examiner } = oracle({ breaks: [1], proved: [[0.3], [0.3]] });
  const refusing: Examiner = {
    ...examiner,
    bound: async (verifier, settings, positions) => {
      if (verifier.id !== "ibp") return examiner.bound(verifier, settings, positions);
      throw Object.assign(new Error('Floor "f" has no interval: it jumps'), { fault: "not-applicable" });
    },
  };
  const { refused, points } = await measureRobustness(refusing, PLAN, [0]);
  expect(refused).toEqual([{ title: verifiers[0]!.title, reason: 'Floor "f" has no interval: it jumps' }]);
  expect(points.every(({ certified }) => certified.has(0))).toBe(true);
});

test("what a method did not get to, or failed at, is unknown with its reason, and everything else goes on", async () => {
  const { examiner } = oracle({
    breaks: [1, 1, 1, 0.05],
    proved: [
      [0, 0, 0, 0],
      [0.3, 0.3, 0.3, 0],
    ],
  });
  const cut: Examiner = {
    ...examiner,
    attack: async (...asked) => {
      const answers = [...(await examiner.attack(...asked))];
      return answers.map((answer, k) => (k === 0 ? { kind: "failed", reason: "internal-error" } : answer));
    },
    bound: async (verifier, settings, positions) => {
      const answers = await examiner.bound(verifier, settings, positions);
      if (verifier.id === "ibp") return answers;
      return answers.map((answer, k): typeof answer =>
        k === 0 ? { kind: "failed", reason: "memory" } : k === 1 ? { kind: "timeout", reason: "time-budget" } : answer,
      );
    },
  };
  const { points, unexamined, runs } = await measureRobustness(cut, { ...PLAN, epsilons: [0.1] }, [0, 1, 2, 3]);
  const [{ certified, falsified, reasons }] = points as [(typeof points)[0]];
  expect([...certified]).toEqual([2]);
  expect([...falsified]).toEqual([3]);
  // IBP was tried on both and found too loose: that stands
  expect([...reasons]).toEqual([
    [0, "relaxation-too-loose"],
    [1, "relaxation-too-loose"],
  ]);
  expect(unexamined.map(({ left, of, reason }) => [left, of, reason])).toEqual([
    [1, 4, "internal-error"],
    [1, 4, "memory"],
    [1, 4, "time-budget"],
  ]);
  expect(runs.find(({ method }) => method === "crown-ibp")!.counts).toEqual({
    inputs: 4,
    certified: 1,
    timeouts: 1,
    failed: 1,
  });
});

test("a method that examined nothing has no run, so that nothing is said to be measured by it", async () => {
  const { examiner } = oracle({ breaks: [1], proved: [[0.3], [0.3]] });
  const none: Examiner = {
    ...examiner,
    attack: async (_, __, positions) => positions.map(() => ({ kind: "timeout", reason: "time-budget" })),
    bound: async (_, __, positions) => positions.map(() => ({ kind: "timeout", reason: "time-budget" })),
  };
  const { runs, points } = await measureRobustness(none, { ...PLAN, epsilons: [0.1] }, [0]);
  expect(runs).toEqual([]);
  expect([...points[0]!.reasons]).toEqual([[0, "time-budget"]]);
});

test("a screen for patches that was cut off says so, and examines the classes it got to", async () => {
  const geometry = { channels: 1, height: 8, width: 8, layout: "NCHW" } as const;
  const labels = Int32Array.from({ length: 40 }, (_, i) => i % 3);
  const record = (target: number) => ({
    target,
    top: 0,
    left: 0,
    size: 2,
    values: new Float32Array(4),
    trials: 10,
    hits: 1,
    noiseHits: 0,
  });
  const examiner: Examiner = {
    ...oracle({ breaks: [], proved: [[], []] }).examiner,
    scan: async (_, parts) => parts.map((part) => ({ record: part.map(() => ({ hits: Int32Array.of(0, 1, 2) })) })),
    fit: async (_, settings) =>
      settings.map(({ target }) =>
        target === 1 ? { reason: "time-budget", message: "" } : { record: record(target) },
      ),
  };
  const positions = Array.from(labels.keys());
  const { targets, unexamined } = await screenPatches(examiner, geometry, labels, 3, positions);
  expect(targets.map(({ target }) => target)).toEqual([0, 2]);
  expect(unexamined).toMatchObject([{ left: 1, of: 3, reason: "time-budget" }]);
  const nothing: Examiner = {
    ...examiner,
    scan: async (_, parts) => parts.map(() => ({ reason: "time-budget", message: "" })),
  };
  const cut = await screenPatches(nothing, geometry, labels, 3, positions);
  expect(cut.targets).toEqual([]);
  expect(cut.unexamined).toHaveLength(1);
});
