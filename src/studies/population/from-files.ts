/** @file A population of models that there are already: each scanned as a model under suspicion is, none trained. */

import { unsupportedInput } from "../../graph/fault.ts";
import { standardDetectors } from "../../methods/backdoor/index.ts";
import type { Detector, TimedDetection } from "../../methods/backdoor/types.ts";
import type { ModelFacts } from "../../methods/population/reference.ts";
import { type Member, POPULATION_SCHEMA, type Population, type Scan } from "../../methods/population/types.ts";
import { shortEvidence, shortNumber, shortSeconds } from "../../methods/population/write.ts";
import { median } from "../../stats/summary.ts";
import { caseOf, modelFacts } from "../backdoor/case.ts";
import { examineWith } from "../backdoor/detectors.ts";
import type { Examination } from "../examination.ts";

export interface ScannedModel {
  readonly path: string;
  readonly member: Member;
  readonly facts: ModelFacts;
}

/** A model that the user takes to be clean, scanned. @param detectors by default those that take seconds */
export async function scanModel(
  examination: Examination,
  id: string,
  detectors: readonly Detector[] = standardDetectors(false),
): Promise<ScannedModel> {
  const { model, engine, place, seed, correct, chunk } = examination;
  const subject = caseOf(examination);
  const { facts, inputs } = subject;
  const examined = await examineWith(engine, detectors, { facts, inputs, training: undefined, seed });
  const member: Member = {
    id,
    group: "clean",
    seed,
    poison: null,
    target: null,
    sha256: model.sha256,
    cleanAccuracy: shortNumber(correct.length / chunk.labels.length)!,
    attackSuccess: null,
    accepted: true,
    trainSeconds: 0,
    scans: Object.fromEntries(examined.map((one) => [one.detector.id, scanOf(one)])),
  };
  return { path: model.path, member, facts: modelFacts(subject, place.digest) };
}

function scanOf({ detector, detection, seconds }: TimedDetection): Scan {
  const { flagged, score, pValue, target, evidence } = detection;
  const kept = score === null ? {} : (detector.digest?.(evidence) ?? evidence);
  return {
    version: detector.version,
    flagged,
    score: score === null ? null : shortNumber(score),
    pValue: pValue === null ? null : shortNumber(pValue),
    target,
    seconds: shortSeconds(seconds),
    evidence: shortEvidence(kept),
  };
}

/** @throws UserError (unsupported) naming the first model that is of another task or architecture, or there twice */
export function populationOfModels(
  name: string,
  scan: Population["scan"],
  models: readonly [ScannedModel, ...ScannedModel[]],
): Population {
  const [first] = models;
  for (const [i, model] of models.entries()) checkAlike(first, model, models.slice(0, i));
  const { shape, classes, architecture, weightScales, data } = first.facts;
  return {
    schema: POPULATION_SCHEMA,
    name,
    task: {
      shape: [...shape],
      classes,
      architecture,
      architectureName: `that of ${first.member.id}`,
      weightScales: weightScales.map(
        (_, layer) => shortNumber(median(models.map(({ facts }) => facts.weightScales[layer]!)))!,
      ),
      data: data!,
    },
    scan,
    recipe: {},
    members: models.map(({ member }) => member),
  };
}

function checkAlike(first: ScannedModel, { path, member, facts }: ScannedModel, before: readonly ScannedModel[]): void {
  const twin = before.find((other) => other.member.sha256 === member.sha256);
  if (twin) throw unsupportedInput(`${path}: the same file as ${twin.path}; a reference needs models of their own`);
  const differs =
    facts.classes !== first.facts.classes
      ? `${facts.classes} classes, not ${first.facts.classes}`
      : `${facts.shape}` !== `${first.facts.shape}`
        ? `inputs [${facts.shape}], not [${first.facts.shape}]`
        : facts.architecture !== first.facts.architecture
          ? "another architecture"
          : undefined;
  if (differs) throw unsupportedInput(`${path}: it has ${differs} as ${first.path}; leave out models of another kind`);
}
