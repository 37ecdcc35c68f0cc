/** @file The measuring part of an audit: attacks from above, proofs from below. */

import { faultOf } from "../../graph/fault.ts";
import type { Arithmetic, Norm, Threat } from "../../spec/types.ts";
import type { UnknownReason } from "../../spec/verdict.ts";
import { proportion } from "../../stats/proportion.ts";
import type { Attack } from "../attack/types.ts";
import { settingsOf } from "../method.ts";
import { POINTS } from "../points.ts";
import { type Answer, recordOf, type Unanswered, unansweredReason } from "../records.ts";
import type { Verifier } from "../verify/types.ts";
import type {
  Contradiction,
  EpsilonResult,
  Examiner,
  Found,
  MethodRun,
  Needless,
  Proof,
  Refused,
  RobustnessResult,
  Unexamined,
} from "./types.ts";

export interface RobustnessPlan {
  readonly norm: Norm;
  /** The first is the one that is asked about. */
  readonly epsilons: readonly number[];
  /** The question: whether this share of so many inputs stands. Where attacks have surely left less, proofs change no answer. */
  readonly asked?: { readonly least: number; readonly inputs: number };
  /** From which follows what a proof costs at least. */
  readonly classes?: number;
  readonly domain: Threat["domain"];
  readonly fixed?: Threat["fixed"];
  /** Tried one after the other on what still stands. */
  readonly attacks: readonly Attack[];
  /** In the order in which they are tried: the fast ones first. */
  readonly verifiers: readonly Verifier[];
  readonly arithmetic: Arithmetic;
}

/** What is known so far: attacks and proofs add to it, in any order. */
export interface Course {
  readonly plan: RobustnessPlan;
  /** Positions of the inputs that the model gets right. */
  readonly correct: readonly number[];
  /** Rising. */
  readonly epsilons: readonly number[];
  readonly witnesses: Map<number, Found>;
  /** The smallest radius at which each input was broken. */
  readonly brokenAt: Map<number, number>;
  readonly proofs: Map<number, Proof>;
  /** One a radius: what bounds hold for, and what they say of it. */
  readonly held: readonly Map<number, "verified" | "bounded">[];
  readonly reasons: readonly Map<number, UnknownReason>[];
  readonly runs: MethodRun[];
  readonly refused: Map<string, Refused>;
  /** By slow verifier: from which radius on it was not tried, because no proof changes the answer there. */
  readonly needless: Map<string, Needless>;
  /** By method and radius. */
  readonly unexamined: Map<string, readonly Unexamined[]>;
  /** By method and radius: positions that need not be tried again. */
  readonly tried: Map<string, Set<number>>;
}

export function beginCourse(plan: RobustnessPlan, correct: readonly number[]): Course {
  const epsilons = plan.epsilons.toSorted((a, b) => a - b);
  return {
    plan,
    correct,
    epsilons,
    witnesses: new Map(),
    brokenAt: new Map(),
    proofs: new Map(),
    held: epsilons.map(() => new Map()),
    reasons: epsilons.map(() => new Map()),
    runs: [],
    refused: new Map(),
    needless: new Map(),
    unexamined: new Map(),
    tried: new Map(),
  };
}

export function resultOf({
  plan,
  epsilons,
  brokenAt,
  held,
  reasons,
  refused,
  needless,
  ...course
}: Course): RobustnessResult {
  const points = epsilons.map((epsilon, k): EpsilonResult => {
    const falsified = new Set([...brokenAt].flatMap(([i, radius]) => (radius <= epsilon ? [i] : [])));
    return {
      epsilon,
      falsified,
      certified: new Set([...held[k]!].flatMap(([i, kind]) => (kind === "verified" ? [i] : []))),
      bounded: new Set([...held[k]!].flatMap(([i, kind]) => (kind === "bounded" ? [i] : []))),
      reasons: reasonsAt({ correct: course.correct, held, reasons }, k, falsified),
    };
  });
  const { witnesses, proofs, runs, unexamined } = course;
  return {
    norm: plan.norm,
    points,
    witnesses,
    proofs,
    runs,
    refused: [...refused.values()],
    needless: [...needless.values()],
    unexamined: [...unexamined.values()].flat(),
  };
}

/** What is not proved at a radius is not tried at larger ones: the reason is that of the smaller one. */
function reasonsAt(
  { correct, held, reasons }: Pick<Course, "correct" | "held" | "reasons">,
  k: number,
  falsified: ReadonlySet<number>,
): Map<number, UnknownReason> {
  const open = correct.filter((i) => !held[k]!.has(i) && !falsified.has(i));
  return new Map(
    open.flatMap((i) => {
      const reason = reasons
        .slice(0, k + 1)
        .findLast((own) => own.has(i))
        ?.get(i);
      return reason === undefined ? [] : [[i, reason] as const];
    }),
  );
}

/**
 * Both sides of robust accuracy: attacks at the radius that is asked about, then at the others; proofs at rising radii. What is
 * broken at one radius is broken at the larger ones, what stood at one is not attacked at the smaller ones, which lie in it,
 * and what is not proved at one is not tried at the larger ones. Proofs are tried on broken inputs too, so that a proof that
 * contradicts a witness cannot hide.
 *
 * @param correct positions of the inputs that the model gets right
 */
export async function measureRobustness(
  examiner: Examiner,
  plan: RobustnessPlan,
  correct: readonly number[],
): Promise<RobustnessResult> {
  const course = beginCourse(plan, correct);
  await attackRadii(examiner, course);
  for (const verifier of plan.verifiers) await proveRadii(examiner, course, verifier);
  return resultOf(course);
}

/** A slice of the time until then for each of the radii that are left; undefined without a limit. */
export const sliceOf = (
  examiner: Pick<Examiner, "now">,
  until: number | undefined,
  left: number,
): number | undefined =>
  until === undefined ? undefined : examiner.now() + Math.max(0, until - examiner.now()) / left;

/** The rest of the time is for what has to be left out in a first pass; a second call goes on there. */
function untriedOf({ tried }: Course, method: string, epsilon: number, positions: readonly number[]): number[] {
  const done = tried.get(`${method} ${epsilon}`);
  return done ? positions.filter((i) => !done.has(i)) : [...positions];
}

const isCutOff = (answer: Answer<unknown>): boolean =>
  answer.kind !== "done" && ["time-budget", "interrupted"].includes(unansweredReason(answer));

function noteAnswers(
  { tried, unexamined }: Course,
  { id, title }: { readonly id: string; readonly title: string },
  epsilon: number,
  positions: readonly number[],
  answers: readonly Answer<unknown>[],
): { readonly left: number } {
  const key = `${id} ${epsilon}`;
  const done = tried.get(key) ?? new Set();
  for (const [k, answer] of answers.entries()) if (!isCutOff(answer)) done.add(positions[k]!);
  tried.set(key, done);
  const missing = missingOf(title, epsilon, answers);
  const before = (unexamined.get(key) ?? []).filter(({ reason }) => reason === "internal-error" || reason === "memory");
  unexamined.set(key, [...before, ...missing.list]);
  return missing;
}

/** Does a larger set, in which the attack found nothing, hold this one? */
const stoodBeyond = ({ tried, epsilons, brokenAt }: Course, { id }: Attack, epsilon: number, i: number): boolean =>
  epsilons.some(
    (larger) =>
      larger > epsilon &&
      tried.get(`${id} ${larger}`)?.has(i) &&
      !((brokenAt.get(i) ?? Number.POSITIVE_INFINITY) <= larger),
  );

/**
 * Attacks at the radius that is asked about, which gets half of the time, then at the others as they rise; called again, it
 * goes on with what there was no time for.
 * @param until seconds on the examiner's clock
 */
export async function attackRadii(examiner: Examiner, course: Course, until?: number): Promise<void> {
  const { plan, epsilons, correct, refused, runs, brokenAt } = course;
  const [headline] = plan.epsilons;
  const order = epsilons.toSorted((a, b) => Number(b === headline) - Number(a === headline));
  for (const [k, epsilon] of order.entries()) {
    const ends = sliceOf(examiner, until, k === 0 ? Math.min(2, order.length) : order.length - k);
    for (const [j, attack] of plan.attacks.entries()) {
      if (refused.has(attack.id)) continue;
      const standing = untriedOf(
        course,
        attack.id,
        epsilon,
        correct.filter(
          (i) => (brokenAt.get(i) ?? Number.POSITIVE_INFINITY) > epsilon && !stoodBeyond(course, attack, epsilon, i),
        ),
      );
      if (standing.length === 0) continue;
      const slice = sliceOf(examiner, ends, plan.attacks.length - j);
      const run = await applied(attack.title, () => attackAt(examiner, course, attack, epsilon, standing, slice));
      if (run === undefined) continue;
      if ("reason" in run) refused.set(attack.id, run);
      else runs.push(run);
    }
  }
}

/** Have attacks surely left fewer inputs standing at this radius than is asked for? */
export function isBeaten({ plan: { asked }, correct, brokenAt }: Course, epsilon: number): boolean {
  if (asked === undefined) return false;
  const standing = correct.filter((i) => (brokenAt.get(i) ?? Number.POSITIVE_INFINITY) > epsilon).length;
  return proportion(standing, asked.inputs).upper < asked.least;
}

/**
 * One verifier on what is still unproved; called again, it goes on with what there was no time for. One that takes long is
 * tried only where the attacks leave the answer open.
 * @param until seconds on the examiner's clock
 */
export async function proveRadii(
  examiner: Examiner,
  course: Course,
  verifier: Verifier,
  until?: number,
): Promise<void> {
  const { epsilons, correct, held, refused, needless, runs } = course;
  const worth = verifier.cheap ? epsilons : epsilons.filter((epsilon) => !isBeaten(course, epsilon));
  if (worth.length < epsilons.length) {
    needless.set(verifier.id, { title: verifier.title, from: epsilons[worth.length]! });
  }
  for (const [k, epsilon] of worth.entries()) {
    if (refused.has(verifier.id)) return;
    const provable = k === 0 ? correct : correct.filter((i) => held[k - 1]!.has(i));
    const open = untriedOf(
      course,
      verifier.id,
      epsilon,
      provable.filter((i) => !held[k]!.has(i)),
    );
    if (open.length === 0) continue;
    const slice = sliceOf(examiner, until, worth.length - k);
    if (isBeyond(examiner, course, verifier, epsilon, open, slice)) continue;
    const run = await applied(verifier.title, () => proveAt(examiner, course, verifier, { k, epsilon }, open, slice));
    if (run === undefined) continue;
    if ("reason" in run) refused.set(verifier.id, run);
    else runs.push(run);
  }
}

/** Does not even one proof fit the time? Then nothing is begun, and that is noted. */
function isBeyond(
  examiner: Examiner,
  { plan, reasons, epsilons, unexamined }: Course,
  { id, title, leastRuns }: Verifier,
  epsilon: number,
  open: readonly number[],
  until: number | undefined,
): boolean {
  if (until === undefined || leastRuns === undefined || plan.classes === undefined) return false;
  const [needed, left] = [examiner.least(leastRuns(plan.classes)), Math.max(0.1, until - examiner.now())];
  if (needed <= left) return false;
  const why = "time-budget";
  for (const i of open)
    if (!reasons[epsilons.indexOf(epsilon)]!.has(i)) reasons[epsilons.indexOf(epsilon)]!.set(i, why);
  const times = Math.ceil(needed / left);
  unexamined.set(`${id} ${epsilon}`, [{ title, epsilon, left: open.length, of: open.length, reason: why, times }]);
  return true;
}

const threatOf = ({ norm, domain, fixed }: RobustnessPlan, epsilon: number): Threat => ({
  norm,
  epsilon,
  domain,
  ...(fixed && { fixed }),
});

/** The range that changed values stay in. */
const rangeOf = ({ domain }: RobustnessPlan) => ({ least: domain?.[0] ?? null, most: domain?.[1] ?? null });

/** Undefined where nothing was examined. */
async function attackAt(
  examiner: Examiner,
  course: Course,
  attack: Attack,
  epsilon: number,
  positions: readonly number[],
  until: number | undefined,
): Promise<MethodRun | undefined> {
  const { plan, witnesses, brokenAt } = course;
  const { norm } = plan;
  const { id: method, title } = attack;
  const began = examiner.now();
  const answers = await examiner.attack(attack, { threat: threatOf(plan, epsilon) }, positions, until);
  let [falsified, refuted, zeroGradient, notANumber] = [0, 0, 0, 0];
  for (const [k, answer] of answers.entries()) {
    if (answer.kind !== "done") continue;
    const { record } = answer;
    if (record.refuted) refuted++;
    if (record.zeroGradient) zeroGradient++;
    if (record.notANumber) notANumber++;
    if (record.witness === undefined) continue;
    falsified++;
    const position = positions[k]!;
    if ((brokenAt.get(position) ?? Number.POSITIVE_INFINITY) <= epsilon) continue;
    witnesses.set(position, { method, epsilon, record: { ...record, witness: record.witness } });
    brokenAt.set(position, epsilon);
  }
  const missing = noteAnswers(course, attack, epsilon, positions, answers);
  if (missing.left === answers.length) return undefined;
  return {
    method,
    title,
    purpose: "attack",
    options: settingsOf(attack, { norm, epsilon, ...rangeOf(plan) }),
    seconds: examiner.now() - began,
    counts: {
      inputs: positions.length,
      falsified,
      ...(refuted > 0 && { refuted }),
      ...(zeroGradient > 0 && { zeroGradient }),
      ...(notANumber > 0 && { notANumber }),
      ...(missing.left > 0 && { unexamined: missing.left }),
    },
    arithmetic: null,
  };
}

/** Answers that are none, by reason. */
function missingOf(
  title: string,
  epsilon: number | null,
  answers: readonly Answer<unknown>[],
): { readonly left: number; readonly list: Unexamined[] } {
  const counts = new Map<Unanswered, number>();
  for (const answer of answers) {
    if (answer.kind === "done") continue;
    const reason = unansweredReason(answer);
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  const list = [...counts].map(([reason, left]) => ({ title, epsilon, left, of: answers.length, reason }));
  return { left: list.reduce((sum, { left }) => sum + left, 0), list };
}

async function proveAt(
  examiner: Examiner,
  course: Course,
  verifier: Verifier,
  { k, epsilon }: { readonly k: number; readonly epsilon: number },
  positions: readonly number[],
  until: number | undefined,
): Promise<MethodRun | undefined> {
  const { plan, held, reasons, proofs, witnesses, brokenAt } = course;
  const { arithmetic, norm } = plan;
  const { id: method, title } = verifier;
  const began = examiner.now();
  const answers = await examiner.bound(verifier, { threat: threatOf(plan, epsilon), arithmetic }, positions, until);
  const counts = { verified: 0, bounded: 0, unknown: 0 };
  for (const [at, answer] of answers.entries()) {
    const position = positions[at]!;
    const sampled = recordOf(answer)?.sampled;
    if (sampled && !(brokenAt.get(position)! <= epsilon)) {
      // a point that was drawn counts where the attack found none
      witnesses.set(position, { method: POINTS.id, epsilon, record: sampled });
      brokenAt.set(position, epsilon);
    }
    if (answer.kind !== "done") {
      // a bound that another method found too loose says more than that there was no time
      if (!reasons[k]!.has(position)) reasons[k]!.set(position, unansweredReason(answer));
      continue;
    }
    const { verdict } = answer.record;
    counts[verdict.kind]++;
    if (verdict.kind === "unknown") reasons[k]!.set(position, verdict.reason);
    else held[k]!.set(position, verdict.kind);
    if (verdict.kind === "verified" && epsilon >= (proofs.get(position)?.epsilon ?? 0))
      proofs.set(position, { method, epsilon, lower: verdict.margin });
  }
  const missing = noteAnswers(course, verifier, epsilon, positions, answers);
  if (missing.left === answers.length) return undefined;
  const timeouts = answers.filter((answer) => answer.kind === "timeout").length;
  const failed = answers.filter((answer) => answer.kind === "failed").length;
  return {
    method,
    title,
    purpose: "verify",
    options: settingsOf(verifier, { norm, epsilon, ...rangeOf(plan) }),
    seconds: examiner.now() - began,
    counts: {
      inputs: positions.length,
      ...(arithmetic === "float32" ? { certified: counts.verified } : { bounded: counts.bounded }),
      ...(timeouts > 0 && { timeouts }),
      ...(failed > 0 && { failed }),
    },
    arithmetic: arithmetic === "float32" ? "float32-safe" : "real",
  };
}

/** A method that does not apply to the model says so; the others go on. */
async function applied(
  title: string,
  run: () => Promise<MethodRun | undefined>,
): Promise<MethodRun | Refused | undefined> {
  try {
    return await run();
  } catch (error) {
    if (faultOf(error) !== "not-applicable") throw error;
    return { title, reason: (error as Error).message };
  }
}

/** Inputs with a witness no farther away than the radius that was proved. */
export function contradictions({ witnesses, proofs }: RobustnessResult): Contradiction[] {
  return [...witnesses].flatMap(([position, found]) => {
    const proof = proofs.get(position);
    return proof && found.record.distance <= proof.epsilon ? [{ position, proof, found }] : [];
  });
}
