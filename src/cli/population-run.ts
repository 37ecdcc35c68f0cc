/** @file A population from its recipe: members trained, scanned, and written down. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { usage } from "../graph/fault.ts";
import { didYouMean } from "../graph/suggest.ts";
import { checkOutputFolder, writeWhole } from "../local/output.ts";
import { readJson } from "../local/read-json.ts";
import { VERSION } from "../local/version.ts";
import type { Detector } from "../methods/backdoor/types.ts";
import { isAccepted } from "../methods/population/acceptance.ts";
import {
  type DetectorUse,
  type PlannedMember,
  type PopulationRecipe,
  planMembers,
} from "../methods/population/config.ts";
import { architectureHash, dataFacts, weightScales } from "../methods/population/facts.ts";
import { type Member, POPULATION_SCHEMA, type Population, type Scan } from "../methods/population/types.ts";
import { populationText, shortEvidence, shortNumber, shortSeconds } from "../methods/population/write.ts";
import { architectureName } from "../methods/train/config.ts";
import { trainingMethodOf } from "../methods/train/index.ts";
import { secondsText } from "../report/format.ts";
import { nodeDigest } from "../runtime/node-digest.ts";
import { median } from "../stats/summary.ts";
import type { KeptRun } from "./kept-run.ts";
import type { MemberInput, MemberRecord, MemberScanInput, ModelFile, ScanRecord } from "./population-jobs.ts";

export const POPULATION_FILE = "population.json";
const MODELS = "models";

/** @throws UserError (usage) for a detector that there is not */
export async function findDetectors(uses: readonly DetectorUse[]): Promise<readonly UsedDetector[]> {
  const { detectors } = await import("../methods/backdoor/index.ts");
  const known = detectors.map(({ id }) => id);
  return uses.map((use) => {
    const detector = detectors.find(({ id }) => id === use.id);
    if (detector) return { detector, use };
    throw usage(`detectors: no detector "${use.id}"; known are ${known.join(", ")}.${didYouMean(use.id, known)}`);
  });
}

export interface UsedDetector {
  readonly detector: Detector;
  readonly use: DetectorUse;
}

export interface PopulationRun {
  readonly population: Population;
  /** In the order of the population's members. */
  readonly members: readonly Trained[];
  /** Of population.json. */
  readonly path: string;
  readonly task: Pick<Task, "trainingHash" | "scanHash" | "test">;
}

/**
 * Trains and scans the members, and writes them and population.json into a folder.
 * @throws UserError, and what training and reading of data throw
 */
export async function runPopulation(recipe: PopulationRecipe, out: string, run: KeptRun): Promise<PopulationRun> {
  const detectors = await findDetectors(recipe.detectors);
  checkOutputFolder(join(out, MODELS));
  const task = await loadTask(recipe);
  const trained = await trainMembers(planMembers(recipe, task.classes), task, out, run);
  const scans = await scanMembers(trained, detectors, recipe, task, run);
  const population = await assemble(recipe, task, trained, scans);
  const path = join(out, POPULATION_FILE);
  writeWhole(path, populationText(population));
  return { population, members: trained, path, task };
}

/** @throws UserError (usage) naming the file */
export const readRecipe = (path: string, what = "the recipe"): unknown => readJson(path, what);

/** The data of all members, and what identifies it. */
interface Task {
  readonly classes: number;
  readonly shape: readonly number[];
  /** Data that accuracy and attack success are measured on. */
  readonly test: string;
  readonly trainingHash: string;
  readonly scanHash: string;
  readonly facts: Population["task"]["data"];
}

async function loadTask({ train, scan }: PopulationRecipe): Promise<Task> {
  const { parseTrainConfig } = await import("../methods/train/config.ts");
  const { hashSamples, scanInputs, testData, trainingData } = await import("./population-jobs.ts");
  const { geometryOf } = await import("../methods/picture.ts");
  const { float32Tensor } = await import("../graph/tensor.ts");
  const config = parseTrainConfig(train);
  const test = config.validation ?? scan.data;
  const training = await trainingData(config.data);
  const { classes, shape } = training;
  const inputs = await scanInputs(scan);
  const batch = { images: float32Tensor([inputs.labels.length, ...shape], inputs.images), labels: inputs.labels };
  return {
    classes,
    shape,
    test,
    trainingHash: hashSamples(training, await testData(test, classes)),
    scanHash: hashSamples(inputs),
    facts: dataFacts(scan.data, batch, geometryOf(shape, "NCHW")),
  };
}

export interface Trained {
  readonly member: PlannedMember;
  readonly model: ModelFile;
  readonly surrogate: ModelFile | null;
  readonly record: MemberRecord;
}

/** Clean members first where a poisoning is computed on one of them. */
async function trainMembers(
  plan: readonly PlannedMember[],
  task: Task,
  out: string,
  run: KeptRun,
): Promise<readonly Trained[]> {
  const jobOf = (surrogate: ModelFile | null) => (member: PlannedMember) => {
    const { id, config } = member;
    const path = join(out, MODELS, `${id}.onnx`);
    const own = needsSurrogate(member) ? surrogate : statedSurrogate(member);
    return {
      kind: "member",
      label: `training ${id}`,
      input: { path, config, test: task.test, surrogate: own } satisfies MemberInput,
      key: {
        model: architectureName(config),
        method: { id: "member", version: trainingMethodOf(config.method.kind).version },
        options: { config: plainOf(config), surrogate: own?.sha256, assay: VERSION },
        chunk: task.trainingHash,
      },
    };
  };
  const train = async (members: readonly PlannedMember[], surrogate: ModelFile | null): Promise<Trained[]> => {
    const jobs = members.map(jobOf(surrogate));
    const records = await run.each<MemberInput, MemberRecord>("training", jobs, {
      holds: ({ input }, { sha256 }) => hasFile(input.path, sha256),
      describe: (record) => memberText(record),
    });
    return members.map((member, i) => {
      const record = records[i]!;
      const { path, surrogate: own } = jobs[i]!.input;
      return { member, record, surrogate: own, model: { path, sha256: record.sha256 } };
    });
  };
  const first = plan.filter((member) => !needsSurrogate(member));
  const later = plan.filter(needsSurrogate);
  const before = await train(first, null);
  // the first member is a clean one
  const after = later.length === 0 ? [] : await train(later, before[0]!.model);
  const found = new Map([...before, ...after].map((trained) => [trained.member, trained]));
  return plan.map((member) => found.get(member)!);
}

const needsSurrogate = ({ config: { poison } }: PlannedMember): boolean =>
  poison?.kind === "label-consistent" && poison.surrogate === undefined;

function statedSurrogate({ config: { poison } }: PlannedMember): ModelFile | null {
  if (poison?.kind !== "label-consistent" || poison.surrogate === undefined) return null;
  const path = poison.surrogate;
  if (!existsSync(path)) throw usage(`population recipe: poison.surrogate: ${path}: no such file; name an ONNX model`);
  return { path, sha256: nodeDigest(readFileSync(path)) };
}

export const plainOf = (value: unknown) => JSON.parse(JSON.stringify(value)) as Record<string, never>;

const hasFile = (path: string, sha256: string): boolean =>
  existsSync(path) && nodeDigest(readFileSync(path)) === sha256;

function memberText({ cleanAccuracy, attackSuccess, seconds }: MemberRecord): string {
  const share = (value: number) => `${(100 * value).toFixed(1)}%`;
  const success = attackSuccess === null ? "" : `, attack success ${share(attackSuccess)}`;
  return `accuracy ${share(cleanAccuracy)}${success}, ${secondsText(seconds)}`;
}

/** The members that a detector scans: the first ones of each group. */
function scanned(trained: readonly Trained[], { perGroup, clean }: DetectorUse): number[] {
  const seen = new Map<string, number>();
  return trained.flatMap(({ member: { group } }, i) => {
    const before = seen.get(group) ?? 0;
    seen.set(group, before + 1);
    return before < (group === "clean" ? clean : perGroup) ? [i] : [];
  });
}

/** @returns the scans of each member, in the order of the members */
async function scanMembers(
  trained: readonly Trained[],
  detectors: readonly UsedDetector[],
  { scan }: PopulationRecipe,
  task: Task,
  run: KeptRun,
): Promise<Record<string, Scan>[]> {
  const scans = trained.map((): Record<string, Scan> => ({}));
  for (const { detector, use } of detectors) {
    const { id, version, needs } = detector;
    const places = scanned(trained, use);
    // what looks at inputs also looks at those that the member was trained on
    const searches = needs !== "nothing";
    const jobs = places.map((place) => {
      const { member, model, surrogate } = trained[place]!;
      return {
        kind: "member-scan",
        label: `scanning ${member.id} by ${id}`,
        input: {
          model,
          detector: id,
          scan,
          training: searches ? { config: member.config, surrogate } : null,
        } satisfies MemberScanInput,
        key: {
          model: model.sha256,
          method: { id: `member-scan/${id}`, version },
          options: {
            seed: scan.seed,
            training: searches ? [plainOf(member.config), surrogate?.sha256, task.trainingHash] : null,
            assay: VERSION,
          },
          chunk: task.scanHash,
        },
      };
    });
    const records = await run.each<MemberScanInput, ScanRecord>(`scanning by ${id}`, jobs);
    places.forEach((place, i) => {
      scans[place]![id] = scanOf(records[i]!, version);
    });
  }
  return scans;
}

const scanOf = ({ flagged, score, pValue, target, evidence, seconds }: ScanRecord, version: number): Scan => ({
  version,
  flagged,
  score: score === null ? null : shortNumber(score),
  pValue: pValue === null ? null : shortNumber(pValue),
  target,
  seconds: shortSeconds(seconds),
  evidence: shortEvidence(evidence),
});

async function assemble(
  recipe: PopulationRecipe,
  task: Task,
  trained: readonly Trained[],
  scans: readonly Record<string, Scan>[],
): Promise<Population> {
  const { loadModel } = await import("../runtime/node-model.ts");
  const { networkFor } = await import("../studies/jobs/subject.ts");
  const networkAt = async ({ model }: Trained) => networkFor(await loadModel(model.path), undefined, nodeDigest);
  const network = await networkAt(trained[0]!);
  const scales: number[][] = [];
  for (const each of trained)
    if (each.member.group === "clean") scales.push(weightScales((await networkAt(each)).graph));
  const clean = trained.flatMap(({ member, record }) => (member.group === "clean" ? [record] : []));
  const members = trained.map(({ member, record }, i): Member => {
    const { poison = null } = member.config;
    return {
      id: member.id,
      group: member.group,
      seed: member.seed,
      poison: poison && plainOf(poison),
      target: member.target,
      sha256: record.sha256,
      cleanAccuracy: shortNumber(record.cleanAccuracy)!,
      attackSuccess: record.attackSuccess === null ? null : shortNumber(record.attackSuccess),
      accepted: isAccepted(record, clean),
      trainSeconds: shortSeconds(record.seconds),
      scans: scans[i]!,
    };
  });
  return {
    schema: POPULATION_SCHEMA,
    name: recipe.name,
    task: {
      shape: [...task.shape],
      classes: task.classes,
      architecture: architectureHash(network.graph, nodeDigest),
      architectureName: architectureName(trained[0]!.member.config),
      weightScales: scales[0]!.map((_, layer) => shortNumber(median(scales.map((own) => own[layer]!)))!),
      data: task.facts,
    },
    scan: { ...recipe.scan },
    recipe: { ...recipe.train },
    members,
  };
}
