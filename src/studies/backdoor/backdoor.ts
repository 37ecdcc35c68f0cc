/** @file A search for a backdoor: the detectors' answers, compared with clean models where there are some, and one decision. */

import { type Decision, decide } from "../../methods/backdoor/decision.ts";
import { standardDetectors } from "../../methods/backdoor/index.ts";
import type { Detector, TimedDetection } from "../../methods/backdoor/types.ts";
import type { Chunk } from "../../methods/records.ts";
import type { Engine } from "../engine.ts";
import type { Examination } from "../examination.ts";
import type { Inputs } from "../inputs.ts";
import {
  caseAlone,
  caseOf,
  checkInputs,
  checkTraining,
  type ModelAlone,
  modelFacts,
  type ScanCase,
  scanNotes,
} from "./case.ts";
import { type DetectorLimits, examineWith } from "./detectors.ts";
import { type Compared, compareWith, type Reference } from "./reference.ts";
import { type BackdoorFile, backdoorFile } from "./results.ts";

export interface BackdoorRequest {
  /** By default those that take seconds; with training data also those that search it. */
  readonly detectors?: readonly Detector[] | undefined;
  /** What the model was trained on, with labels, in the units of the other inputs. */
  readonly training?: Inputs | undefined;
  /** Clean models that scores are compared with; by default a bundled population that fits. */
  readonly reference?: Reference | undefined;
  /** Populations that are at hand for an architecture, by its hash. */
  readonly bundled?: ((architecture: string) => readonly Reference[]) | undefined;
}

export interface Searched {
  readonly file: BackdoorFile;
  readonly examined: readonly TimedDetection[];
}

/**
 * @param opened without inputs, detectors that need none look at the model alone
 * @throws UserError: inputs that detectors cannot use, an interruption; PopulationError for a reference of another task
 */
export async function backdoor(opened: Examination | ModelAlone, request: BackdoorRequest = {}): Promise<Searched> {
  const { training, reference, bundled = () => [], detectors = standardDetectors(training !== undefined) } = request;
  const { model, place, engine } = opened;
  if ("inputs" in opened) checkInputs(opened.inputs);
  const subject = "inputs" in opened ? caseOf(opened) : caseAlone(opened);
  if (training) checkTraining(training, subject);
  const compared = compareWith(reference, modelFacts(subject, place.digest), bundled);
  const { notes, ...scanned } = await scan(engine, subject, { detectors, compared, training: training?.chunk });
  const file = backdoorFile({
    tool: "assay",
    version: place.version,
    model: { path: model.path, sha256: model.sha256 },
    data: subject.data,
    training: training ? { name: training.dataset.name, images: training.chunk.labels.length } : null,
    seed: subject.seed,
    reference: compared.result,
    notes: [...subject.notes, ...notes],
    naming: subject.naming,
    ...scanned,
  });
  return { file, examined: scanned.examined };
}

export interface ScanTerms {
  readonly detectors: readonly Detector[];
  readonly compared: Compared;
  readonly training?: Chunk | undefined;
}

/** The detectors' answers and the decision, with what a reader should know of the comparison. @throws UserError */
export async function scan(
  engine: Pick<Engine, "all">,
  subject: ScanCase,
  { detectors, compared, training }: ScanTerms,
  limits: DetectorLimits = {},
): Promise<{
  readonly examined: readonly TimedDetection[];
  readonly decision: Decision;
  readonly notes: readonly string[];
}> {
  const { facts, inputs, seed } = subject;
  const examined = await examineWith(engine, detectors, { facts, inputs, training, seed }, limits);
  const decision = decide({ detections: examined, reference: compared.population });
  return { examined, decision, notes: scanNotes(compared, subject, detectors) };
}
