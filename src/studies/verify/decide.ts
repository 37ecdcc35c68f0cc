/**
 * @file A query decided, or not: an attack first, then proofs from cheap to dear, within its time. `sat` is said only of an
 * input whose outputs, by the file itself, meet the text of the query exactly; `unsat` only where every case is proved.
 */

import { plainText } from "../../formats/vnnlib/decimal.ts";
import { satisfies } from "../../formats/vnnlib/satisfies.ts";
import type { VnnLib } from "../../formats/vnnlib/types.ts";
import { compileDescent, type Descent, descend } from "../../methods/attack/descent.ts";
import { ReadingError } from "../../methods/reading/agreement.ts";
import { compileReading } from "../../methods/reading/compare.ts";
import type { Left } from "../../methods/time.ts";
import type { Verifier } from "../../methods/verify/types.ts";
import { type Rng, rng } from "../../random/rng.ts";
import type { Runtime } from "../../runtime/session.ts";
import { pickQueries } from "../../spec/queries.ts";
import type { Arithmetic } from "../../spec/types.ts";
import { type Verdict, verdictOf } from "../../spec/verdict.ts";
import type { Pair } from "./pair.ts";
import { type Inner, type Questions, questionsOf } from "./questions.ts";
import { shareOf, type Turn, turnsOf } from "./turns.ts";
import type { Assignment, Decision, Step } from "./types.ts";

export interface DecideOptions {
  /** From cheap to dear. */
  readonly verifiers: readonly Verifier[];
  readonly arithmetic?: Arithmetic | undefined;
  /** False: no inputs are searched for. */
  readonly attack?: boolean | undefined;
  readonly seed?: number | undefined;
  readonly memoryBudget?: number | undefined;
  readonly left: Left;
  /** Milliseconds. */
  readonly now: () => number;
}

/** Of all time, what is kept from the first search, and from the last one. */
const FIRST_SEARCH = { steps: 20, starts: 64, share: 0.8 };
const LAST_SEARCH = { steps: 60, starts: 2048, share: 0 };

/**
 * @throws VnnLibError; ReadingError where the file was read otherwise than it runs
 */
export async function decide(
  query: VnnLib,
  pair: Pair,
  runtime: Pick<Runtime, "compile">,
  options: DecideOptions,
): Promise<Decision> {
  const { questions, empty } = questionsOf(query, pair.inputs, pair.outputs);
  const run: Run = { query, pair, runtime, options, steps: [], cases: questions.flatMap(openCases), empty };
  if (run.cases.length === 0)
    return ended(run, "unsat", { detail: "no input meets the conditions on inputs", method: "conditions" });
  if (late(run)) return ended(run, "timed-out");
  await checkReading(run);
  const random = rng(options.seed ?? 0).split(`verify/${pair.network.hash}`);
  const descent = attacker(run);
  const early = await attack(run, descent, FIRST_SEARCH, random.split("first"));
  if (early) return early;
  for (const turn of turnsOf(options.verifiers, run.cases[0]!.inner.lower.length)) {
    if (open(run).length === 0 || late(run)) break;
    const found = await prove(run, turn);
    if (found) return found;
  }
  if (open(run).length === 0) {
    const verified = run.cases.every(({ verdict }) => verdict?.kind === "verified");
    const detail = "bounds in real arithmetic prove nothing of the network as it runs";
    return verified ? ended(run, "unsat") : ended(run, "unknown", { detail });
  }
  const last = late(run) ? undefined : await attack(run, descent, LAST_SEARCH, random.split("last"));
  return last ?? ended(run, late(run) ? "timed-out" : "unknown", { detail: reasonOf(run) });
}

// ---------------------------------------------------------------- state

/** One case of the query, and the best that is known of it. */
interface OpenCase {
  readonly questions: Questions;
  readonly i: number;
  readonly inner: Inner;
  verdict?: Verdict;
  method?: string;
}

interface Run {
  readonly query: VnnLib;
  readonly pair: Pair;
  readonly runtime: Pick<Runtime, "compile">;
  readonly options: DecideOptions;
  readonly steps: Step[];
  readonly cases: readonly OpenCase[];
  readonly empty: number;
}

const openCases = (questions: Questions): OpenCase[] => questions.inner.map((inner, i) => ({ questions, i, inner }));

const holds = ({ verdict }: OpenCase): boolean => verdict !== undefined && verdict.kind !== "unknown";
const open = ({ cases }: Run): OpenCase[] => cases.filter((one) => !holds(one));
const late = ({ options: { left } }: Run): boolean => left() <= 0;

function reasonOf(run: Run): string {
  const { verdict } = open(run)[0]!;
  const known = verdict?.kind === "unknown" ? [verdict.detail ?? verdict.reason] : [];
  const failed = run.steps.flatMap((step) => (step.failed === undefined ? [] : `${step.what}: ${step.failed}`));
  const reasons = [...known, ...new Set(failed)];
  return reasons.length === 0 ? "no method applies" : reasons.join("; ");
}

function ended(run: Run, verdict: Decision["verdict"], more: Partial<Decision> = {}): Decision {
  const { cases, empty, steps, options } = run;
  const margin = cases.reduce(
    (least, own) => Math.min(least, own.verdict?.margin ?? Number.NEGATIVE_INFINITY),
    Number.POSITIVE_INFINITY,
  );
  const method = [...new Set(cases.flatMap((own) => (holds(own) ? (own.method ?? []) : [])))].join("+");
  return {
    verdict,
    arithmetic: options.arithmetic ?? "float32",
    cases: cases.length,
    empty,
    proved: cases.filter(holds).length,
    margin: cases.length === 0 ? null : margin,
    steps,
    ...(verdict === "unsat" && { method }),
    ...more,
  };
}

// ---------------------------------------------------------------- the file itself

/** Points of the sets on which the file and its reading are compared. */
const COMPARED = 8;

async function checkReading({ pair, runtime, cases, options }: Run): Promise<void> {
  if (pair.network.half !== undefined) return;
  const reading = await compileReading(pair.flat, runtime, { memoryBudget: options.memoryBudget });
  if (!reading) return;
  const random = rng(0).split("reading");
  const points = cases
    .slice(0, COMPARED)
    .flatMap(({ inner: { lower, upper } }) => [
      lower.map((low, k) => low + (upper[k]! - low) / 2),
      lower.map((low, k) => low + (upper[k]! - low) * random.uniform()),
    ]);
  const answers: number[] = [];
  for (const point of points) answers.push(...(await pair.run(point)));
  const all = Float32Array.from(points.flatMap((point) => Array.from(point)));
  const [found] = await reading.compare(all, [answers]);
  if (!found) return;
  throw new ReadingError(
    `an operator is read otherwise than ONNX Runtime runs it: at one input the file answers ${found.file}, its reading ${found.graph}; nothing is said of this model. Please report it, and replace the operator until then`,
  );
}

/** The point as an assignment of all variables, where it meets the query by the file's own outputs. */
async function assigned(
  { query, pair }: Run,
  { inner }: OpenCase,
  point: Float32Array,
): Promise<Assignment | undefined> {
  const inputs = Float64Array.from(point);
  const outputs = await pair.run(point);
  const elements = pair.inputs.flatMap(({ variable: { first, size } }) =>
    Array.from({ length: size }, (_, k) => first + k),
  );
  const pinned = new Map([...inner.pinned].map(([k, value]) => [elements[k]!, value]));
  if (!satisfies(query, elementsOf(pair, inputs, outputs), pinned)) return undefined;
  return { inputs, outputs, exact: Array.from(inner.pinned, ([input, value]) => ({ input, value: plainText(value) })) };
}

/** The values of all elements of the query, by their numbers. */
function elementsOf({ inputs, outputs }: Pair, x: Float64Array, y: Float64Array): Float64Array {
  const variables = [...inputs.map(({ variable }) => variable), ...outputs];
  const values = new Float64Array(Math.max(...variables.map(({ first, size }) => first + size)));
  let from = 0;
  const all = [...x, ...y];
  for (const { first, size } of variables) {
    values.set(all.slice(from, from + size), first);
    from += size;
  }
  return values;
}

// ---------------------------------------------------------------- steps

/** One method's turn. Whatever goes wrong in it (an operator, memory, a fault) is told, and others still have theirs. */
async function step(run: Run, what: string, work: () => Promise<Decision | undefined>): Promise<Decision | undefined> {
  const before = open(run).length;
  const began = run.options.now();
  let failed: string | undefined;
  try {
    return await work();
  } catch (error) {
    failed = error instanceof Error ? error.message : String(error);
    return undefined;
  } finally {
    const seconds = (run.options.now() - began) / 1000;
    run.steps.push({ what, seconds, decided: before - open(run).length, ...(failed !== undefined && { failed }) });
  }
}

/** Compiled when it is first needed. */
function attacker({ pair, runtime, options }: Run): () => Promise<Descent> {
  let made: Promise<Descent> | undefined;
  return () => {
    made ??= compileDescent(pair.flat, runtime, options.memoryBudget);
    return made;
  };
}

async function attack(
  run: Run,
  descent: () => Promise<Descent>,
  { steps, starts, share }: typeof FIRST_SEARCH,
  random: Rng,
): Promise<Decision | undefined> {
  if (run.options.attack === false) return undefined;
  const left = shareOf(run.options.left, 1 - share);
  return step(run, "attack", async () => {
    for (const [k, one] of open(run).entries()) {
      let assignment: Assignment | undefined;
      const { queries } = one.questions;
      const place = { query: one.i, lower: one.inner.lower, upper: one.inner.upper };
      const { spec, linearInputs } = queries;
      if (left() <= 0) break;
      const settings = { spec, linearInputs, steps, starts, random: random.split(`case/${k}`), left };
      await descend(await descent(), place, settings, async (point) => {
        assignment = await assigned(run, one, point);
        return assignment !== undefined;
      });
      if (assignment) return ended(run, "sat", { assignment, method: "attack" });
    }
    return undefined;
  });
}

/** One verifier on all open cases, those of one shape at once. */
async function prove(run: Run, { verifier, share }: Turn): Promise<Decision | undefined> {
  const { pair, runtime, options } = run;
  const { arithmetic, memoryBudget } = options;
  const left = shareOf(options.left, share);
  return step(run, verifier.id, async () => {
    const terms = { norm: "linf", ...(arithmetic && { arithmetic }), ...(memoryBudget && { memoryBudget }) } as const;
    await using prepared = await verifier.prepare(pair.network, runtime, terms);
    for (const questions of new Set(open(run).map((one) => one.questions))) {
      const cases = open(run).filter((one) => one.questions === questions);
      const queries = pickQueries(
        questions.queries,
        cases.map(({ i }) => i),
      );
      const proof = await prepared.bounds(queries, left);
      for (const [k, one] of cases.entries()) note(one, verifier.id, verdictOf(queries, proof, k));
      for (const { query, inputs } of proof.claims ?? []) {
        const point = Float32Array.from(pair.inputs.flatMap(({ name }) => Array.from(inputs.get(name)!.point)));
        const assignment = await assigned(run, cases[query]!, inside(point, cases[query]!.inner));
        if (assignment) return ended(run, "sat", { assignment, method: verifier.id });
      }
    }
    return undefined;
  });
}

/** A claimed point may lie on an end that float32 has not. */
const inside = (point: Float32Array, { lower, upper }: Inner): Float32Array =>
  point.map((value, k) => Math.min(upper[k]!, Math.max(lower[k]!, value)));

function note(one: OpenCase, method: string, verdict: Verdict): void {
  const better = verdict.kind !== "unknown" || verdict.margin >= (one.verdict?.margin ?? Number.NEGATIVE_INFINITY);
  if (better) Object.assign(one, { verdict, method });
}
