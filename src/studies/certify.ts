/** @file Proofs for the inputs that a model gets right, held against points of the sets and an attack. */

import { usage } from "../graph/fault.ts";
import { standardAttack } from "../methods/attack/index.ts";
import type { Contradiction } from "../methods/audit/types.ts";
import { checkMethods } from "../methods/family.ts";
import { type AttackRecord, recordOf, unansweredReason } from "../methods/records.ts";
import { verifyFamily } from "../methods/verify/index.ts";
import type { Verifier } from "../methods/verify/types.ts";
import type { Arithmetic, Threat } from "../spec/types.ts";
import type { UnknownReason, Verdict } from "../spec/verdict.ts";
import { raiseAlarm } from "./alarm.ts";
import { withSets } from "./boxes.ts";
import { NotApplicable, pick } from "./engine.ts";
import type { Examination } from "./examination.ts";
import type { BoundSettings } from "./jobs/examine.ts";
import * as jobs from "./jobs/kinds.ts";
import { ownVerifier } from "./jobs/own.ts";
import type { ResultFile } from "./result-schema.ts";
import { type Asked, falsified, finite, type Outcome, remarksOf, resultFile, resultsOf } from "./results.ts";
import { type Bisection, bisect, rising } from "./sweep.ts";
import { NOT_YET, type SearchTerms, settled, type Witnesses, witnessesFor } from "./witnesses.ts";

/** The attack against what is proved: its task is to tell broken from unknown. */
const QUICK_ATTACK = standardAttack.with(standardAttack.quick ?? {});

export interface CertifyRequest extends SearchTerms {
  /** In the order in which they are tried on what is still unproved. */
  readonly verifiers: readonly Verifier[];
  /** `float32`, the default, encloses the network as it runs; `real` proves nothing of it, and is for comparison. */
  readonly arithmetic?: Arithmetic | undefined;
  /** False: no attack is held against the proofs. */
  readonly attack?: boolean | undefined;
}

export interface Certified {
  readonly file: ResultFile;
  /** What the attack came to, where it had an answer. */
  readonly attacked: readonly AttackRecord[];
  /** Inputs bounded in real arithmetic that are broken in float32. */
  readonly roundingDecides: number;
  readonly witnesses: Witnesses;
}

/** The best that verifiers say of an input. */
interface Bound {
  readonly method: string;
  readonly verdict: Verdict;
  /** The radius that it is about. */
  readonly epsilon: number;
}

/** What broke an input, and within which radius. */
interface Broken {
  readonly record: AttackRecord;
  readonly epsilon: number;
}

const holds = (bound: Bound | undefined): boolean => bound !== undefined && bound.verdict.kind !== "unknown";

/**
 * @throws SoundnessAlarm where an input is proved and broken at once; NotApplicable where no verifier applies; UserError when
 *   it is interrupted
 */
export const certify = async (opened: Examination, request: CertifyRequest): Promise<Certified> =>
  (await certifyEach(opened, request, [request.epsilon]))[0]!;

/**
 * The same within several radii. Proofs go from the largest to the smallest: what is proved within one is proved within all that it
 * contains. Attacks go the other way: what falls has fallen within all larger ones. Neither is tried again, and every proof is held
 * against every witness inside its set.
 *
 * @returns in the order of `epsilons`
 * @throws as `certify`
 */
export async function certifyEach(
  opened: Examination,
  request: CertifyRequest,
  epsilons: readonly (number | undefined)[],
): Promise<Certified[]> {
  const { verifiers, arithmetic = "float32", attack = true, provenance } = request;
  await checkMethods(verifyFamily, verifiers);
  const radii = rising(epsilons);
  const sets = await Promise.all(radii.map((epsilon) => withSets(opened, { ...request, epsilon })));
  const proofs: Proofs[] = [];
  for (const { examination, threat } of sets.toReversed()) {
    const proved = new Map([...(proofs[0]?.bounds ?? [])].filter(([, bound]) => holds(bound)));
    proofs.unshift(await prove(examination, verifiers, { threat, arithmetic }, proved));
  }
  const { chunk } = opened;
  const held = new Set(
    proofs.flatMap(({ bounds }) => [...bounds].flatMap(([i, bound]) => (holds(bound) ? [chunk.indices[i]!] : []))),
  );
  const witnesses = witnessesFor(opened, request, (index) => held.has(index));
  const broken = new Map<number, Broken>();
  const done = new Map<number | undefined, Certified>();
  for (const [k, { examination, threat, box }] of sets.entries()) {
    const { bounds, sampled, seconds, reasons } = proofs[k]!;
    const searched = attack ? await tryToBreak(examination, threat, seconds, { witnesses, broken }) : [];
    const attacked = new Map(broken);
    for (const [i, record] of searched) attacked.set(i, { record, epsilon: threat.epsilon });
    // a point that was drawn counts where the attack found none
    for (const [i, record] of sampled)
      if (!attacked.get(i)?.record.falsified) attacked.set(i, { record, epsilon: threat.epsilon });
    for (const [i, own] of attacked) if (own.record.falsified) broken.set(i, own);
    const conflicts = contradictionsOf(bounds, attacked);
    if (conflicts.length > 0) raiseAlarm(examination, threat.norm, conflicts);
    const found = { bounds, attacked, seconds, reasons, witnesses, epsilon: threat.epsilon };
    const results = resultsOf(examination, (asked) => resultOf(asked, found));
    const run = { provenance, methods: verifiers, against: attack ? [QUICK_ATTACK] : [], threat, box, arithmetic };
    done.set(radii[k], {
      file: resultFile(examination, run, results),
      attacked: searched.map(([, record]) => record),
      roundingDecides: [...attacked].filter(([i, { record }]) => record.witness !== undefined && holds(bounds.get(i)))
        .length,
      witnesses,
    });
  }
  return epsilons.map((epsilon) => done.get(epsilon)!);
}

/**
 * For each input a bracket of the smallest radius up to epsilon that breaks it: the largest that is proved, and the smallest within
 * which the attack finds a witness. Proofs and witnesses are held against each other at their own radii.
 *
 * @throws as `certify`; UserError (usage) without an epsilon, or in real arithmetic, where nothing is proved
 */
export async function certifyMinimal(
  opened: Examination,
  request: CertifyRequest,
  minimal: Bisection,
): Promise<Certified> {
  const { verifiers, arithmetic = "float32", attack = true, provenance, epsilon: top } = request;
  if (top === undefined) throw usage("the smallest radius is looked for up to an epsilon; state it");
  if (arithmetic === "real") throw usage("bounds in real arithmetic prove no radius; leave out --arithmetic real");
  await checkMethods(verifyFamily, verifiers);
  const { examination, threat } = await withSets(opened, request);
  const proved = await provedRadii(examination, verifiers, { threat, arithmetic }, minimal);
  const { bounds, seconds } = proved;
  const broken = new Map<number, Broken>();
  for (const [i, found] of proved.sampled) keepSmaller(broken, i, found);
  const records = attack ? await brokenRadii(examination, threat, minimal, { broken, seconds }) : [];
  const inside = new Map([...broken].filter(([i, own]) => reachOf(own) <= (bounds.get(i)?.epsilon ?? -1)));
  const conflicts = contradictionsOf(bounds, inside);
  if (conflicts.length > 0) raiseAlarm(examination, threat.norm, conflicts);
  const witnesses = witnessesFor(opened, request);
  const smallest = settled(broken, witnesses, (positions) => pick(examination.chunk, positions));
  const { margins, reasons } = proved;
  const found = { bounds: margins, attacked: smallest, seconds, reasons, witnesses, epsilon: top };
  const results = resultsOf(examination, (asked) => {
    const proved = bounds.get(asked.position)?.epsilon ?? null;
    const bracket = { proved, falsified: smallest.get(asked.position)?.epsilon ?? null };
    return { ...resultOf(asked, found), bracket };
  });
  const against = attack ? [QUICK_ATTACK] : [];
  const run = { provenance, methods: verifiers, against, threat, box: undefined, arithmetic, minimal };
  return { file: resultFile(examination, run, results), attacked: records, roundingDecides: 0, witnesses };
}

function keepSmaller(broken: Map<number, Broken>, i: number, found: Broken): void {
  const { record, epsilon } = found;
  if (record.falsified && epsilon < (broken.get(i)?.epsilon ?? Number.POSITIVE_INFINITY)) broken.set(i, found);
}

const addSeconds = (to: Map<number, number>, own: ReadonlyMap<number, number>): void => {
  for (const [i, spent] of own) to.set(i, (to.get(i) ?? 0) + spent);
};

/** The largest radius of each input that is proved, and what was found on the way; margins and reasons are of the largest of all. */
async function provedRadii(
  examination: Examination,
  verifiers: readonly Verifier[],
  { threat, arithmetic }: Omit<BoundSettings, "options">,
  minimal: Bisection,
) {
  const bounds = new Map<number, Bound>();
  const margins = new Map<number, Bound>();
  const sampled: [position: number, found: Broken][] = [];
  const seconds = new Map<number, number>();
  const reasons = new Map<number, UnknownReason>();
  await bisect(examination.correct, threat.epsilon, minimal, async (epsilon, positions) => {
    const own = { ...examination, correct: positions };
    const found = await prove(own, verifiers, { threat: { ...threat, epsilon }, arithmetic }, new Map());
    addSeconds(seconds, found.seconds);
    if (epsilon === threat.epsilon) for (const [i, reason] of found.reasons) reasons.set(i, reason);
    for (const [i, record] of found.sampled) sampled.push([i, { record, epsilon }]);
    for (const [i, bound] of found.bounds) {
      if (epsilon === threat.epsilon) margins.set(i, bound);
      if (holds(bound)) bounds.set(i, bound);
    }
    return new Set(positions.filter((i) => !holds(found.bounds.get(i))));
  });
  return { bounds, margins, sampled, seconds, reasons };
}

/** Adds to `broken` the smallest radius within which each input falls. @returns what the attack came to within the largest */
async function brokenRadii(
  examination: Examination,
  threat: Threat,
  minimal: Bisection,
  { broken, seconds }: { readonly broken: Map<number, Broken>; readonly seconds: Map<number, number> },
): Promise<readonly AttackRecord[]> {
  const records: AttackRecord[] = [];
  await bisect(examination.correct, threat.epsilon, minimal, async (epsilon, positions) => {
    const spent = new Map<number, number>();
    const own = { ...examination, correct: positions };
    const found = await tryToBreak(own, { ...threat, epsilon }, spent, { witnesses: NOT_YET, broken: new Map() });
    addSeconds(seconds, spent);
    if (epsilon === threat.epsilon) records.push(...found.map(([, record]) => record));
    for (const [i, record] of found) keepSmaller(broken, i, { record, epsilon });
    return new Set(found.flatMap(([i, { falsified: fell }]) => (fell ? [i] : [])));
  });
  return records;
}

/** A witness may lie deeper than the radius that it was found within; its distance is rounded. */
const reachOf = ({ epsilon, record: { distance } }: Broken): number =>
  Math.min(epsilon, distance * (1 + DISTANCE_ROUNDING));

/** Of a distance in float64 from float32 values: far more than its rounding, far less than a bracket. */
const DISTANCE_ROUNDING = 1e-6;

type Proofs = Awaited<ReturnType<typeof prove>>;

/**
 * Verifiers one after the other, each on what is still unproved; the best bound of each input counts.
 * @param proved within a larger radius
 */
async function prove(
  examination: Examination,
  verifiers: readonly Verifier[],
  settings: Omit<BoundSettings, "options">,
  proved: ReadonlyMap<number, Bound>,
) {
  const bounds = new Map<number, Bound>(proved);
  const sampled = new Map<number, AttackRecord>();
  const seconds = new Map<number, number>();
  const reasons = new Map<number, UnknownReason>();
  const details = new Set<string>();
  const refused: NotApplicable[] = [];
  for (const verifier of verifiers) {
    const open = examination.correct.filter((i) => !holds(bounds.get(i)));
    const answers = await examination.engine
      .run({
        job: jobs.bound,
        what: `proving with ${verifier.title}`,
        method: verifier,
        own: ownVerifier(verifier),
        settings: { ...settings, options: verifier.settings },
        inputs: pick(examination.chunk, open),
      })
      .catch((error: unknown) => {
        if (!(error instanceof NotApplicable)) throw error;
        refused.push(error);
        if (refused.length === verifiers.length) throw error;
        examination.progress.say(`${verifier.id} does not apply: ${error.message}`);
        return [];
      });
    for (const [k, answer] of answers.entries()) {
      const i = open[k]!;
      if (answer.kind === "done") seconds.set(i, (seconds.get(i) ?? 0) + answer.seconds);
      else if (!reasons.has(i)) reasons.set(i, unansweredReason(answer));
      const record = recordOf(answer);
      if (!record) continue;
      const { verdict, sampled: point } = record;
      if (verdict.kind === "unknown") {
        if (verdict.detail !== undefined) details.add(`${verifier.id}: ${verdict.detail}`);
        if (answer.kind === "done") reasons.set(i, verdict.reason);
      }
      if (point) sampled.set(i, point);
      const bound = { method: verifier.id, verdict, epsilon: settings.threat.epsilon };
      const best = bounds.get(i)?.verdict.margin ?? Number.NEGATIVE_INFINITY;
      if (holds(bound) || verdict.margin > best) bounds.set(i, bound);
    }
  }
  for (const detail of details) examination.progress.say(detail);
  return { bounds, sampled, seconds, reasons };
}

/** Attacks all inputs that did not fall within a smaller radius, the proved ones too: a witness against a proof is the alarm that no test may miss. */
async function tryToBreak(
  { engine, chunk, correct, seed, progress }: Examination,
  threat: Threat,
  seconds: Map<number, number>,
  {
    witnesses,
    broken,
  }: { readonly witnesses: Pick<Witnesses, "receive">; readonly broken: ReadonlyMap<number, unknown> },
): Promise<[position: number, record: AttackRecord][]> {
  const method = QUICK_ATTACK;
  const open = correct.filter((i) => !broken.has(i));
  const task = { job: jobs.attack, what: "looking for witnesses", method, inputs: pick(chunk, open) };
  const answers = await engine
    .run({ ...task, settings: { threat, seed, options: method.settings } }, witnesses.receive(method.id))
    .catch((error: unknown) => {
      // proofs stand without an attack; what is not proved stays unknown
      if (!(error instanceof NotApplicable)) throw error;
      progress.say(`no attack: ${error.message}`);
      return [];
    });
  return answers.flatMap((answer, k): [number, AttackRecord][] => {
    if (answer.kind !== "done") return [];
    const position = open[k]!;
    seconds.set(position, (seconds.get(position) ?? 0) + answer.seconds);
    return [[position, answer.record]];
  });
}

/** Of proofs alone: what is bounded over the reals may be broken by rounding. */
function contradictionsOf(bounds: ReadonlyMap<number, Bound>, attacked: ReadonlyMap<number, Broken>): Contradiction[] {
  return [...attacked].flatMap(([position, { record, epsilon }]) => {
    const bound = bounds.get(position);
    if (bound?.verdict.kind !== "verified" || record.witness === undefined) return [];
    const found = { method: standardAttack.id, epsilon, record: { ...record, witness: record.witness } };
    const proof = { method: bound.method, epsilon: bound.epsilon, lower: bound.verdict.margin };
    return [{ position, proof, found }];
  });
}

/** By position. */
interface Found {
  readonly bounds: ReadonlyMap<number, Bound>;
  readonly attacked: ReadonlyMap<number, Broken>;
  readonly epsilon: number;
  readonly seconds: ReadonlyMap<number, number>;
  readonly reasons: ReadonlyMap<number, UnknownReason>;
  readonly witnesses: Witnesses;
}

/** What is certified is verified: no other bound is called so. */
const NAMES = { verified: "certified", bounded: "bounded", unknown: "unknown" } as const;

function resultOf(asked: Asked, { bounds, attacked, seconds, reasons, witnesses, epsilon }: Found): Outcome {
  const { position } = asked;
  const spent = seconds.get(position) ?? 0;
  const at = (found: number | undefined) => (found === undefined || found === epsilon ? {} : { foundAt: found });
  const { record, epsilon: fell } = attacked.get(position) ?? {};
  if (record?.falsified) return { ...falsified(asked, record, spent, witnesses), ...at(fell) };
  const bound = bounds.get(position);
  const { kind, margin } = bound?.verdict ?? { kind: "unknown", margin: Number.NEGATIVE_INFINITY };
  const said = { verdict: NAMES[kind], margin: finite(margin), seconds: spent, ...at(bound?.epsilon) };
  if (kind !== "unknown") return said;
  return { ...said, ...(record && remarksOf(record)), reason: reasons.get(position) ?? "unsupported-op" };
}
