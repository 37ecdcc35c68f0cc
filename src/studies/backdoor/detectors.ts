/** @file Detectors' parts as jobs, and their records put together again. */

import { usage } from "../../graph/fault.ts";
import { backdoorFamily } from "../../methods/backdoor/index.ts";
import type { CaseFacts, Detection, Detector, TimedDetection } from "../../methods/backdoor/types.ts";
import { checkMethods, isListed } from "../../methods/family.ts";
import { type Chunk, UNANSWERED_WORDS } from "../../methods/records.ts";
import type { PlainRecord } from "../../runtime/jobs.ts";
import type { Ending, Engine, Limits } from "../engine.ts";
import { detect } from "../jobs/kinds.ts";
import { ownDetector } from "../jobs/own.ts";

/** What detectors are given of a model. */
export interface DetectorInputs {
  readonly facts: CaseFacts;
  readonly inputs: Chunk | undefined;
  readonly training: Chunk | undefined;
  readonly seed: number;
}

/** Runs of the network on one input that fit the time on one core; by default any number. */
export interface DetectorLimits extends Limits {
  readonly runs?: number;
}

/** A search is split over this many at least. */
const CORES = 2;

const NO_INPUTS: Chunk = { images: new Float32Array(0), labels: new Int32Array(0), indices: new Int32Array(0) };

/**
 * All detectors' parts side by side, each part a job. A detector that lacks its data or does not apply to the model says
 * so; the others go on.
 * @returns one a detector, in their order
 * @throws UserError
 */
export async function examineWith(
  engine: Pick<Engine, "all">,
  detectors: readonly Detector[],
  given: DetectorInputs,
  { runs = Number.POSITIVE_INFINITY, ...limits }: DetectorLimits = {},
): Promise<TimedDetection[]> {
  const { facts, seed, inputs = NO_INPUTS, training } = given;
  await checkDetectors(detectors);
  const planned = detectors.map((detector) => {
    const lacking = lackOf(detector, given);
    const parts = lacking === undefined ? detector.parts(facts) : [];
    const late = tooLong(detector, parts, inputs.labels.length, runs);
    return { detector, lacking: lacking ?? late, parts: late === undefined ? parts : [] };
  });
  // where time is short, those that take hardly any come first
  const quickFirst = planned.toSorted((a, b) => Number(isSlow(a.detector)) - Number(isSlow(b.detector)));
  const tasks = quickFirst.flatMap(({ detector, parts }) =>
    parts.map((part) => ({
      job: detect,
      method: detector,
      own: ownDetector(detector),
      settings: { facts, part, seed },
      inputs,
      // it may be large, and detectors that look at the model alone have no use for it
      ...(detector.needs !== "nothing" && { training }),
    })),
  );
  const endings = await engine.all("looking for backdoors", tasks, limits);
  return planned.map(({ detector, lacking }) => {
    const own = endings.filter((_, k) => tasks[k]!.method === detector);
    const refused = lacking ?? firstReason(own);
    const done = own.flatMap((ending) => (ending.kind === "done" ? ending.records : []));
    const seconds = done.reduce((sum, part) => sum + part.seconds, 0);
    if (refused !== undefined) return { detector, detection: unanswered(refused), seconds };
    const records = done.map(({ record }) => record);
    return { detector, detection: detector.conclude(records, facts), seconds };
  });
}

/** @throws UserError (usage) as `checkMethods`, and for a detector of the calling program that would play a part in the verdict */
export async function checkDetectors(detectors: readonly Detector[]): Promise<void> {
  await checkMethods(backdoorFamily, detectors);
  const other = detectors.find((detector) => detector.role !== undefined && !isListed(backdoorFamily, detector));
  if (other) throw usage(`${other.id}: the role "${other.role}" is played by another detector; leave it away`);
}

/** Why a detector has no answer: a part that does not apply, or that came to no end. */
function firstReason(endings: readonly Ending<unknown>[]): string | undefined {
  for (const ending of endings) {
    if (ending.kind === "refused") return ending.reason;
    if (ending.kind === "unanswered") return `not examined: ${UNANSWERED_WORDS[ending.reason]}`;
  }
  return undefined;
}

const isSlow = ({ leastRuns }: Detector): boolean => leastRuns !== undefined;

/** Why a search is not begun whose time even its least work does not fit. */
function tooLong(detector: Detector, parts: readonly PlainRecord[], inputs: number, runs: number): string | undefined {
  if (!detector.leastRuns) return undefined;
  const least = parts.map((part) => detector.leastRuns!(part, inputs));
  const each = least.reduce((sum, own) => sum + own, 0) / Math.min(CORES, Math.max(1, least.length));
  if (each <= runs) return undefined;
  const times = Math.ceil(each / Math.max(1, runs));
  return `not examined: it takes at least ${times} times as long as the time budget leaves for it; a larger --budget, or assay backdoor, gives it time`;
}

/** What is missing, and how to give it. */
function lackOf({ needs }: Detector, { inputs, training }: DetectorInputs): string | undefined {
  if (needs === "inputs" && inputs === undefined) return "it needs held-out inputs; give them with --data";
  if (needs === "training data" && training === undefined) {
    return "it needs the data that the model was trained on; give it with --training";
  }
  return undefined;
}

const unanswered = (reason: string): Detection => ({
  flagged: null,
  score: null,
  pValue: null,
  target: null,
  reason,
  evidence: {},
});
