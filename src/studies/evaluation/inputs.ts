/** @file What detectors that pick inputs pick of the backdoored members of an evaluation. */

import { familyOf } from "../../methods/backdoor/evaluation/evaluate.ts";
import type { PickedInputs } from "../../methods/backdoor/evaluation/inputs.ts";
import { detectors } from "../../methods/backdoor/index.ts";
import type { Detector } from "../../methods/backdoor/types.ts";
import type { KeyedJob } from "../../runtime/jobs.ts";
import { recordOfEach } from "../each.ts";
import type { InputsRecord, MemberInputsInput } from "../jobs/members/inputs.ts";
import { memberInputs } from "../jobs/members/kinds.ts";
import { plainOf } from "../plain.ts";
import type { Populated } from "../population/populate.ts";
import { findDetectors, ownSettings, trainingOf } from "../population/scan.ts";
import type { PopulationTerms, TaskData, Trained } from "../population/terms.ts";
import type { EvaluationTask } from "./types.ts";

/** Raised when the picks of inputs come out differently for another reason than a detector's new version. */
const INPUTS_VERSION = 1;

/** Of the backdoored members that a detector scans, by the detectors that pick inputs. */
export async function pickInputs(
  { dataset, evaluation }: EvaluationTask,
  { population, trained, data }: Populated,
  terms: PopulationTerms,
): Promise<PickedInputs[]> {
  const picked: PickedInputs[] = [];
  const used = (await findDetectors(evaluation.detectors)).map(({ detector }) => detector);
  for (const detector of detectors.flatMap(({ id, picks }) => (picks && used.find((one) => one.id === id)) ?? [])) {
    const places = population.members.flatMap(({ poison, scans }, i) => (poison && scans[detector.id] ? [i] : []));
    const jobs = places.map((place) => jobOf(trained[place]!, detector, evaluation.scan.seed, data, terms));
    const records = await recordOfEach(`inputs picked by ${detector.id}`, memberInputs, jobs, terms);
    places.forEach((place, i) => {
      const { id, group, accepted, poison } = population.members[place]!;
      const family = familyOf(poison)!;
      const { architectureName: architecture } = population.task;
      picked.push({
        detector: detector.id,
        model: id,
        architecture,
        dataset,
        group,
        family,
        accepted,
        ...records[i]!,
      });
    });
  }
  return picked;
}

function jobOf(
  trained: Trained,
  detector: Detector,
  seed: number,
  data: TaskData,
  { place }: PopulationTerms,
): KeyedJob<MemberInputsInput, InputsRecord> {
  const { member, model } = trained;
  const { id, version } = detector;
  const own = ownSettings(detector);
  const training = trainingOf(trained, data);
  return {
    kind: memberInputs.id,
    label: `inputs of ${member.id} by ${id}`,
    input: { model, detector: id, ...own, inputs: data.inputs, seed, training },
    key: {
      model: model.model,
      method: { id: `${memberInputs.id}/${id}`, version },
      options: {
        ...own,
        inputs: INPUTS_VERSION,
        seed,
        config: plainOf(training.config),
        surrogate: training.surrogate?.model,
        training: data.samples,
        assay: place.version,
      },
      chunk: data.inputs,
    },
  };
}
