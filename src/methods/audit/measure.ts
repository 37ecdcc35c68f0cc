/** @file The measuring part of an audit: attacks from above, proofs from below, and the screen for patches. */

import type { Attack } from "../attack/types.ts";
import type { Norm, Threat } from "../problem.ts";
import type { Verifier } from "../verify/types.ts";
import { candidatesOf, type PatchRecord } from "./patch-screen.ts";
import type { Geometry } from "./picture.ts";
import type {
  AttackBudget,
  Contradiction,
  EpsilonResult,
  Examiner,
  Found,
  MethodRun,
  PatchResult,
  Refused,
  RobustnessResult,
} from "./types.ts";

export interface RobustnessPlan {
  readonly norm: Norm;
  readonly epsilons: readonly number[];
  readonly domain: Threat["domain"];
  readonly fixed?: Threat["fixed"];
  readonly attack: Attack;
  readonly budget: AttackBudget;
  /** In the order in which they are tried: the fast ones first. */
  readonly verifiers: readonly Verifier[];
  readonly arithmetic: "float32" | "real";
}

/**
 * Both sides of robust accuracy at rising radii. What is broken at one radius is broken at the larger ones and not
 * attacked again; what is not proved at one is not tried at the larger ones. Proofs are tried on broken inputs too, so
 * that a proof that contradicts a witness cannot hide.
 *
 * @param correct positions of the inputs that the model gets right
 */
export async function measureRobustness(
  examiner: Examiner,
  plan: RobustnessPlan,
  correct: readonly number[],
): Promise<RobustnessResult> {
  const witnesses = new Map<number, Found>();
  const proofs = new Map<number, { method: string; epsilon: number; lower: number }>();
  const points: EpsilonResult[] = [];
  const runs: MethodRun[] = [];
  const refused = new Map<string, Refused>();
  let provable = [...correct];
  for (const epsilon of plan.epsilons.toSorted((a, b) => a - b)) {
    const { norm, domain, fixed } = plan;
    const threat: Threat = { norm, epsilon, domain, ...(fixed && { fixed }) };
    const standing = correct.filter((i) => !witnesses.has(i));
    if (!refused.has(plan.attack.id)) {
      const attacked = await applied(plan.attack.title, () => attackAt(examiner, plan, threat, standing, witnesses));
      if ("reason" in attacked) refused.set(plan.attack.id, attacked);
      else runs.push(attacked);
    }
    const certified = new Set<number>();
    for (const verifier of plan.verifiers.filter(({ id }) => !refused.has(id))) {
      const open = provable.filter((i) => !certified.has(i));
      if (open.length === 0) continue;
      const run = await applied(verifier.title, () =>
        proveAt(examiner, plan, verifier, threat, open, (i, lower) => {
          certified.add(i);
          proofs.set(i, { method: verifier.id, epsilon, lower });
        }),
      );
      if ("reason" in run) refused.set(verifier.id, run);
      else runs.push(run);
    }
    provable = provable.filter((i) => certified.has(i));
    points.push({ epsilon, falsified: new Set(witnesses.keys()), certified });
  }
  return { norm: plan.norm, points, witnesses, proofs, runs, refused: [...refused.values()] };
}

async function attackAt(
  examiner: Examiner,
  { attack, budget }: RobustnessPlan,
  threat: Threat,
  positions: readonly number[],
  witnesses: Map<number, Found>,
): Promise<MethodRun> {
  const { id: method, title } = attack;
  const { epsilon, norm } = threat;
  const began = examiner.now();
  const answers = await examiner.attack(attack, { threat, ...budget }, positions);
  let [falsified, refuted] = [0, 0];
  for (const [k, answer] of answers.entries()) {
    if (answer.kind !== "done") continue;
    const { record } = answer;
    if (record.refuted) refuted++;
    if (record.witness === undefined) continue;
    falsified++;
    witnesses.set(positions[k]!, { method, epsilon, record: { ...record, witness: record.witness } });
  }
  return {
    method,
    title,
    purpose: "attack",
    options: { norm, epsilon, ...budget },
    seconds: examiner.now() - began,
    counts: { inputs: positions.length, falsified, ...(refuted > 0 && { refuted }) },
    arithmetic: null,
  };
}

async function proveAt(
  examiner: Examiner,
  { arithmetic }: RobustnessPlan,
  verifier: Verifier,
  threat: Threat,
  positions: readonly number[],
  verified: (position: number, lower: number) => void,
): Promise<MethodRun> {
  const { id: method, title } = verifier;
  const began = examiner.now();
  const answers = await examiner.bound(verifier, { threat, arithmetic }, positions);
  let [certified, timeouts] = [0, 0];
  for (const [k, answer] of answers.entries()) {
    if (answer.kind === "timeout") timeouts++;
    else if (answer.record.verified) {
      certified++;
      verified(positions[k]!, answer.record.lower);
    }
  }
  return {
    method,
    title,
    purpose: "verify",
    options: { norm: threat.norm, epsilon: threat.epsilon },
    seconds: examiner.now() - began,
    counts: { inputs: positions.length, certified, ...(timeouts > 0 && { timeouts }) },
    arithmetic: arithmetic === "float32" ? "float32-safe" : "real",
  };
}

/** A method that does not apply to the model says so; the others go on. */
async function applied(title: string, run: () => Promise<MethodRun>): Promise<MethodRun | Refused> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "UnsupportedReading") throw error;
    return { title, reason: error.message };
  }
}

/** Inputs with a witness no farther away than the radius that was proved. */
export function contradictions({ witnesses, proofs }: RobustnessResult): Contradiction[] {
  return [...witnesses].flatMap(([position, found]) => {
    const proof = proofs.get(position);
    return proof && found.record.distance <= proof.epsilon ? [{ position, proof, found }] : [];
  });
}

/** Inputs that the first, wide part of the patch search looks at. */
const SCANNED = 32;
/** Most inputs on which patches are improved; as many again are held out. */
const SEARCHED = 64;
/** Candidates in one job. */
const CANDIDATES_AT_ONCE = 125;

/**
 * The strongest patch for each class, measured on inputs that the search has not seen.
 * @param labels [n] of all inputs
 */
export async function screenPatches(
  examiner: Examiner,
  geometry: Geometry,
  labels: Int32Array,
  classes: number,
  correct: readonly number[],
): Promise<PatchResult> {
  const began = examiner.now();
  // every second input, so that both halves hold all classes of ordered data
  const searched = correct.filter((_, k) => k % 2 === 0).slice(0, SEARCHED);
  const unseen = correct.filter((_, k) => k % 2 === 1);
  const candidates = candidatesOf(geometry);
  const scanned = searched.slice(0, SCANNED);
  const parts = Array.from({ length: Math.ceil(candidates.length / CANDIDATES_AT_ONCE) }, (_, k) =>
    candidates.slice(k * CANDIDATES_AT_ONCE, (k + 1) * CANDIDATES_AT_ONCE),
  );
  const scores = (await examiner.scan(geometry, parts, scanned)).map(({ hits }) => hits);
  const settings = Array.from({ length: classes }, (_, target) => {
    const best = scores.reduce((top, hits, k) => (hits[target]! > scores[top]![target]! ? k : top), 0);
    return { target, start: candidates[best]!, searched: searched.length };
  }).filter(({ target }) => unseen.some((i) => labels[i] !== target));
  const targets: readonly PatchRecord[] = await examiner.fit(geometry, settings, [...searched, ...unseen]);
  const strongest = targets.reduce((a, b) => (b.hits * a.trials > a.hits * b.trials ? b : a));
  return {
    geometry,
    targets,
    candidates: candidates.length,
    searched: searched.length,
    run: {
      method: "patch-screen",
      title: "Screen for planted patches",
      purpose: "tampering",
      options: { size: strongest.size, places: candidates.length / 2, shades: 2, searched: searched.length },
      seconds: examiner.now() - began,
      counts: { inputs: strongest.trials, moved: strongest.hits, movedByNoise: strongest.noiseHits },
      arithmetic: null,
    },
  };
}
