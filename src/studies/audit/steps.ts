/**
 * @file The steps of an audit in order, within its time. An error of one step, and time that runs out, leave the others be:
 * what was not examined is said, and the report is written whatever happened.
 */

import { printable } from "../../formats/onnx/error.ts";
import { faultOf } from "../../graph/fault.ts";
import {
  attackRadii,
  beginCourse,
  contradictions,
  isBeaten,
  proveRadii,
  type RobustnessPlan,
  resultOf,
} from "../../methods/audit/measure.ts";
import { screenPatches } from "../../methods/audit/measure-patches.ts";
import type { BackdoorResult } from "../../methods/audit/tampering.ts";
import type { PatchResult, RobustnessResult, Unexamined } from "../../methods/audit/types.ts";
import { LEAST_IMAGES } from "../../methods/backdoor/material.ts";
import { isLarge } from "../../methods/cost.ts";
import type { Geometry } from "../../methods/picture.ts";
import { UNANSWERED_WORDS } from "../../methods/records.ts";
import { raiseAlarm } from "../alarm.ts";
import type { Failure } from "../engine.ts";
import type { Examination } from "../examination.ts";
import { type SearchPlan, searchBackdoor } from "./backdoor.ts";
import { type Budget, SHARES } from "./budget.ts";
import { examinerOf } from "./examiner.ts";
import { PROFILES } from "./gate.ts";
import { standingOut } from "./patches.ts";

/** Fewer right answers say nothing about patches. */
const LEAST_FOR_PATCHES = 20;

export interface AuditPlan {
  readonly robustness: RobustnessPlan;
  readonly geometry: Geometry | undefined;
  readonly budget: Budget;
  readonly search: SearchPlan;
}

export interface Measured {
  readonly robustness: RobustnessResult;
  readonly patches: PatchResult | undefined;
  readonly backdoor: BackdoorResult | undefined;
  /** Why patches or backdoors were not examined, or not whole. */
  readonly unexamined: { readonly patches?: string | undefined; readonly backdoor?: string | undefined };
  /** Work that time or an error kept from being done. */
  readonly left: readonly Unexamined[];
  readonly failures: readonly Failure[];
}

/** @throws UserError: usage, unsupported input, and the soundness alarm */
export async function measureAudit(session: Examination, plan: AuditPlan, signal?: AbortSignal): Promise<Measured> {
  const { budget } = plan;
  const examiner = examinerOf(session);
  const course = beginCourse(plan.robustness, session.correct);
  const own: Failure[] = [];
  const stopped = () => signal?.aborted || budget.spent();
  const why = () => (signal?.aborted ? UNANSWERED_WORDS.interrupted : UNANSWERED_WORDS["time-budget"]);

  /** What a step came to; undefined where it failed by a fault of this program. */
  async function step<T>(what: string, run: () => Promise<T>): Promise<T | undefined> {
    try {
      return await run();
    } catch (error) {
      const fault = faultOf(error);
      if (fault === "interrupted" && signal?.aborted) return undefined;
      if (fault !== undefined) throw error;
      const message = `internal error: ${printable(error instanceof Error ? error.message : String(error), 1000)}`;
      own.push({ what, inputs: session.chunk.labels.length, reason: "internal-error", message });
      session.progress.say(`${what}: ${message}; please report it`);
      return undefined;
    }
  }
  const prove = async (cheap: boolean, share: number) => {
    for (const verifier of plan.robustness.verifiers.filter((verifier) => (verifier.cheap ?? false) === cheap)) {
      await step(`proving with ${verifier.title}`, () => proveRadii(examiner, course, verifier, budget.until(share)));
    }
  };

  const screened = await screen(session, plan, examiner, step);
  const patches = screened.result;
  const standing = patches && standingOut(patches.targets, PROFILES.default.patch)?.target;
  let noSearch = `fewer than ${LEAST_IMAGES} inputs`;
  if (stopped()) noSearch = why();
  const limits = { deadline: milliseconds(budget.until(SHARES.backdoor)), partial: true };
  const failures = own.length;
  const backdoor = stopped()
    ? undefined
    : await step("looking for backdoors", () => searchBackdoor(session, plan.search, standing, limits));
  if (backdoor === undefined && own.length > failures) noSearch = UNANSWERED_WORDS["internal-error"];
  if (backdoor === undefined && signal?.aborted) noSearch = UNANSWERED_WORDS.interrupted;

  await step("attacking", () => attackRadii(examiner, course, budget.until(SHARES.attack)));
  await prove(true, SHARES.cheapProof);
  const answered = isBeaten(course, plan.robustness.epsilons[0]!);
  await prove(false, answered ? SHARES.page : SHARES.slowProof);
  // steps get slices of the time; what they left of it goes to what they did not get to
  if (!stopped()) await step("attacking", () => attackRadii(examiner, course, budget.until(SHARES.slowProof)));
  if (!stopped() && !answered) await prove(true, SHARES.slowProof);
  if (!stopped() && !answered) await prove(false, SHARES.slowProof);

  const robustness = resultOf(course);
  const conflicts = contradictions(robustness);
  if (conflicts.length > 0) raiseAlarm(session, plan.robustness.norm, conflicts);
  return {
    robustness,
    patches,
    backdoor,
    unexamined: { patches: screened.reason, backdoor: backdoor ? undefined : noSearch },
    left: [...robustness.unexamined, ...(patches?.unexamined ?? [])],
    failures: [...session.engine.failures, ...own],
  };
}

const milliseconds = (seconds: number | undefined): number | undefined =>
  seconds === undefined ? undefined : 1000 * seconds;

type Step = <T>(what: string, run: () => Promise<T>) => Promise<T | undefined>;

async function screen(
  { chunk, network, correct }: Examination,
  { geometry, budget }: AuditPlan,
  examiner: ReturnType<typeof examinerOf>,
  step: Step,
): Promise<{ readonly result: PatchResult | undefined; readonly reason: string | undefined }> {
  if (!geometry) return { result: undefined, reason: "the inputs are no pictures" };
  if (correct.length < LEAST_FOR_PATCHES) {
    return { result: undefined, reason: `fewer than ${LEAST_FOR_PATCHES} right answers` };
  }
  let refused: string | undefined;
  const result = await step("trying patches", () =>
    screenPatches(examiner, geometry, chunk.labels, network.classes, correct, {
      until: budget.until(SHARES.patches),
      large: isLarge(network.graph),
    }).catch((error: unknown) => {
      if (faultOf(error) !== "not-applicable") throw error;
      refused = (error as Error).message;
      return undefined;
    }),
  );
  const [first] = result?.unexamined ?? [];
  if (result) return { result, reason: first && UNANSWERED_WORDS[first.reason] };
  return { result, reason: refused ?? UNANSWERED_WORDS["internal-error"] };
}
