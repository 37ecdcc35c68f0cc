/** @file The audit's search for a backdoor: as `assay backdoor` makes it, then a closer look at the class under suspicion. */

import { gentlestNoise } from "../../methods/audit/exhibits.ts";
import {
  type BackdoorResult,
  type DetectorsResult,
  noiseOf,
  type ReferenceFacts,
  signsOf,
  suspectedClass,
} from "../../methods/audit/tampering.ts";
import { standardDetectors } from "../../methods/backdoor/index.ts";
import { LEAST_IMAGES } from "../../methods/backdoor/material.ts";
import type { TitrationCurve } from "../../methods/backdoor/titration/types.ts";
import type { Detector } from "../../methods/backdoor/types.ts";
import { passesIn } from "../../methods/cost.ts";
import type { Chunk } from "../../methods/records.ts";
import { scan } from "../backdoor/backdoor.ts";
import { caseOf, type Draw, drawFor, modelFacts } from "../backdoor/case.ts";
import { compareWith, type Reference } from "../backdoor/reference.ts";
import type { Limits } from "../engine.ts";
import { type Examination, predict } from "../examination.ts";
import type { Inputs } from "../inputs.ts";
import { exhibitsOf } from "./exhibits.ts";

export interface SearchPlan {
  /** Other inputs of the same data, in the same units. */
  readonly draw: (draw: Draw) => Promise<Inputs>;
  /** The seed that was asked for; otherwise the reference's is taken. */
  readonly seed: number | undefined;
  readonly reference: Reference | undefined;
  /** Populations that come with the program for an architecture, by its hash. */
  readonly bundled: (architecture: string) => readonly Reference[];
  /** By default those that take seconds. */
  readonly detectors?: readonly Detector[] | undefined;
}

/**
 * Undefined where there are too few inputs for detectors.
 * @param standing the class that a patch of the screen leads to, and to no other, if there is one
 * @param limits of the detectors and the closer look
 * @throws UserError, PopulationError
 */
export async function searchBackdoor(
  session: Examination,
  plan: SearchPlan,
  standing: number | undefined,
  limits: Limits,
): Promise<BackdoorResult | undefined> {
  const { reference: stated, detectors = standardDetectors() } = plan;
  const first = drawFor(stated, { seed: plan.seed }, session.seed);
  let drawn = await drawInputs(session, plan, first);
  if (drawn.chunk.labels.length < LEAST_IMAGES) return undefined;
  const compared = compareWith(stated, modelFacts(caseOf(session, drawn), session.place.digest), plan.bundled);
  const members = compared.population?.scan;
  if (members && plan.seed === undefined && (members.images !== first.images || members.seed !== first.seed)) {
    drawn = await drawInputs(session, plan, members);
  }
  const { chunk, seed } = drawn;
  const subject = caseOf(session, drawn);
  const { facts } = subject;
  const found: DetectorsResult = {
    facts,
    data: session.inputs.dataset.name,
    images: chunk.labels.length,
    labelled: session.labelled,
    seed,
    reference: compared.result && referenceFacts(compared.result),
    population: compared.population,
    ...(await scan(session.engine, subject, { detectors, compared }, { ...limits, ...runsIn(session, limits) })),
  };
  const label = suspectedClass(found.decision, signsOf(found, standing));
  if (label === null) return { ...found, noisy: null, trigger: null };
  const level = gentlestNoise(curvesOf(found), label);
  const { noisy, trigger, refused } = await exhibitsOf(
    session.engine,
    label,
    level,
    { facts, inputs: chunk, seed },
    limits,
  );
  return { ...found, noisy, trigger, notes: [...found.notes, ...new Set(refused)] };
}

/** What fits the time, on one core. */
const runsIn = ({ place, network }: Examination, { deadline }: Limits) =>
  deadline === undefined ? {} : { runs: passesIn((deadline - place.now()) / 1000, network.graph) };

const referenceFacts = ({
  name,
  clean,
  smallestP,
  reason,
}: Omit<ReferenceFacts, "unused"> & { readonly reason: string | null }): ReferenceFacts => ({
  name,
  clean,
  smallestP,
  unused: reason,
});

interface Drawn {
  readonly chunk: Chunk;
  readonly seed: number;
}

/** Inputs for the detectors; without labels, labelled with the model's own answers. */
async function drawInputs(session: Examination, plan: SearchPlan, draw: Draw): Promise<Drawn> {
  const { chunk } = await plan.draw(draw);
  if (session.labelled) return { chunk, seed: draw.seed };
  const answers = await predict(session.engine, chunk);
  return { chunk: { ...chunk, labels: Int32Array.from(answers, ({ predicted }) => predicted) }, seed: draw.seed };
}

function curvesOf({ examined }: DetectorsResult): readonly TitrationCurve[] {
  const { curves } = noiseOf(examined)?.evidence ?? {};
  return (curves ?? []) as unknown as readonly TitrationCurve[];
}
