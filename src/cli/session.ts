/** @file What attack, certify and audit begin with: model, data, threads, and the model's answers on clean inputs. */

import { basename, dirname, join } from "node:path";
import { classText } from "../data/classes.ts";
import type { Confirmation } from "../data/confirm.ts";
import type { StatedContract } from "../data/contract.ts";
import type { Notice } from "../data/notice.ts";
import { unsupportedInput, usage } from "../graph/fault.ts";
import type { Chunk, Prediction } from "../methods/examine.ts";
import type { Network, Normalisation } from "../methods/network.ts";
import { nodeHost } from "../runtime/node-host.ts";
import type { LoadedModel } from "../runtime/node-model.ts";
import { localPlace } from "../runtime/node-place.ts";
import { createEngine, type Engine } from "../studies/engine.ts";
import * as jobKinds from "../studies/jobs/kinds.ts";
import { networkFor, type SubjectSpec, subjectOf } from "../studies/jobs/subject.ts";
import type { Progress } from "../studies/progress.ts";
import { jobs, tableUrl } from "./jobs.ts";
import { checkModelFile, readModel } from "./model-file.ts";
import { type Options, readingOptions, statedContract, statedUnit } from "./options.ts";
import { createProgress } from "./progress.ts";
import { type InputOptions, type Inputs, loadInputs } from "./subject.ts";
import type { Io } from "./verbs.ts";
import { VERSION } from "./version.ts";

export type SessionOptions = Options<
  | "output"
  | "input"
  | "bind"
  | "data"
  | "labels"
  | "limit"
  | "sample"
  | "seed"
  | "timeout"
  | "jobs"
  | "memory"
  | "device"
  | "resume"
  | "mean"
  | "std"
  | "range"
  | "layout"
  | "classOrder"
  | "labelColumn"
  | "firstLabel"
  | "dataRange"
  | "channels"
  | "channelOrder"
  | "resize"
  | "epsilonUnit"
  | "featureEpsilon"
  | "fixed"
  | "force"
  | "json"
>;

/** A model that is ready to be examined. */
export interface ModelSession extends AsyncDisposable {
  readonly model: LoadedModel;
  readonly network: Network;
  readonly engine: Engine;
  readonly progress: Progress;
  readonly seed: number;
  /** Threads in use; 0: everything ran on the main thread. */
  readonly workers: () => number;
}

/** With inputs, and the model's answers to them. */
export interface ExaminationSession extends ModelSession {
  readonly inputs: Inputs;
  /** The inputs; where the data has no labels, labelled with the model's own answers. */
  readonly chunk: Chunk;
  readonly labelled: boolean;
  readonly predictions: readonly Prediction[];
  /** Positions of the inputs that are classified correctly. */
  readonly correct: readonly number[];
  readonly confirmation: Confirmation | undefined;
  /** What the clean answers say against relying on the other numbers. */
  readonly notices: readonly Notice[];
  /** Of the clean answers. */
  readonly predictSeconds: number;
}

/** Where finished jobs are kept, in the current folder. */
export const STORE = ".assay";

/** Inputs in one forward pass of the model file. */
const PREDICT_CHUNK = 512;

/** @param normalisation of pixels, before the model */
export async function startSession(
  model: LoadedModel,
  normalisation: Normalisation | undefined,
  options: SessionOptions,
  io: Io,
): Promise<ModelSession> {
  const { path } = model;
  const place = localPlace({
    jobs,
    table: tableUrl,
    version: VERSION,
    workers: options.jobs,
    directory: STORE,
    warn: (line) => progress.say(line),
  });
  const network = await networkFor(model, normalisation, place.digest);
  checkBatch(path, network);
  const subject: SubjectSpec = {
    fileName: basename(path),
    model: model.sha256,
    external: model.external,
    choice: model.choice,
    normalisation: normalisation ?? null,
    device: options.device ?? "cpu",
    ...(options.memory !== undefined && { memoryBudget: options.memory }),
  };
  place.know(model.sha256, path);
  for (const file of model.external) place.know(file.sha256, join(dirname(path), file.path));
  await subjectOf(subject, nodeHost(place.blobs), model);
  const progress = await createProgress(io.stderr, false);
  for (const warning of model.warnings) progress.say(`${path}: ${warning}`);
  const engine = createEngine({
    subject,
    subjectHash: network.hash,
    place,
    resume: options.resume ?? false,
    timeout: options.timeout,
    signal: io.signal,
    progress,
  });
  return {
    model,
    network,
    engine,
    progress,
    seed: options.seed ?? 0,
    workers: () => place.workers,
    async [Symbol.asyncDispose]() {
      progress.end();
      await place[Symbol.asyncDispose]();
    },
  };
}

/** All that the options state of the inputs, but for which data, how much of it, and how it is drawn. */
export const statedInputs = (
  options: SessionOptions,
): Pick<InputOptions, "labels" | "stated" | "reading" | "unit"> => ({
  labels: options.labels,
  stated: statedFor(options),
  reading: readingOptions(options),
  unit: statedUnit(options),
});

/** The class order counted from 0, as labels are after reading. */
function statedFor(options: SessionOptions): StatedContract {
  const stated = statedContract(options);
  const first = options.firstLabel ?? 0;
  return stated.classOrder ? { ...stated, classOrder: stated.classOrder.map((label) => label - first) } : stated;
}

/**
 * @param check may refuse inputs before anything is computed
 * @param judges whether a model that answers one class only is judged, and not refused
 * @throws what loading can throw; UserError where the accuracy cannot be told from chance
 */
export async function openSession(
  path: string,
  options: SessionOptions,
  io: Io,
  check: (inputs: Inputs) => void = () => {},
  judges = false,
): Promise<ExaminationSession> {
  checkModelFile(path);
  const { data, limit, sample, seed = 0 } = options;
  if (data === undefined) throw usage("say with --data what to examine it on: a file, a folder, or mnist");
  const stated = statedInputs(options);
  const model = await readModel(path, options, { ...stated, data });
  const inputs = await loadInputs(model, { ...stated, data, limit, sample, seed });
  check(inputs);
  const session = await startSession(model, inputs.normalisation, options, io);
  const { network, engine, progress } = session;
  sayInputs(inputs, progress);
  checkLabels(inputs, network.classes);
  const start = performance.now();
  const predictions = await predict(engine, inputs.chunk);
  const predictSeconds = (performance.now() - start) / 1000;
  const labelled = inputs.dataset.labels !== undefined;
  const chunk = labelled
    ? inputs.chunk
    : { ...inputs.chunk, labels: Int32Array.from(predictions, ({ predicted }) => predicted) };
  const correct = predictions.flatMap(({ predicted }, i) => (predicted === chunk.labels[i] ? [i] : []));
  const examined = { ...session, inputs, chunk, labelled, predictions, correct, predictSeconds };
  return { ...examined, ...(labelled ? await confirm(examined, options, judges) : UNCONFIRMED) };
}

const UNCONFIRMED = { confirmation: undefined, notices: [] } as const;

/** The scale of the inputs and the unit of epsilon, before any number; then what was concluded while reading. */
function sayInputs({ dataset, contract, unit }: Inputs, { say }: Progress): void {
  const { value, basis } = contract.items.find(({ item }) => item === "range")!;
  say(`Range: ${value} (${basis}); epsilon in ${unit.text}.`);
  for (const note of dataset.notes) say(note);
}

export async function predict(engine: Engine, inputs: Chunk, what = "clean answers"): Promise<Prediction[]> {
  const task = {
    job: jobKinds.predict,
    what,
    method: { id: "forward", version: 2 },
    settings: null,
    essential: true,
  } as const;
  const answers = await engine.run({ ...task, inputs, chunk: PREDICT_CHUNK, timed: false });
  return answers.map((answer) => {
    if (answer.kind === "done") return answer.record;
    throw new Error("a clean answer timed out, though it had no limit");
  });
}

function checkBatch(path: string, { input }: Network): void {
  const batch = input.shape[0];
  if (typeof batch !== "number" || batch === 1) return;
  throw unsupportedInput(
    `${path}: it takes ${batch} inputs at once, no more and no fewer; export it with an open batch`,
  );
}

/** @throws UserError (unsupported) naming the first input whose label is no class of the model */
export function checkLabels({ dataset, chunk }: Inputs, classes: number): void {
  const at = dataset.labels ? chunk.labels.findIndex((label) => label < 0 || label >= classes) : -1;
  if (at < 0) return;
  const labels = dataset.labels!;
  const fromOne = labels.every((label) => label >= 1 && label <= classes);
  const hint = fromOne ? "; where labels begin at 1, say --first-label 1" : "";
  throw unsupportedInput(
    `${dataset.name}: input ${chunk.indices[at]} has the label ${chunk.labels[at]}, but the model has ${classes} classes, 0 to ${classes - 1}${hint}`,
  );
}

async function confirm(
  {
    correct,
    predictions,
    chunk,
    network,
    inputs,
    engine,
    progress,
  }: Omit<ExaminationSession, "confirmation" | "notices">,
  { force = false }: SessionOptions,
  judges: boolean,
): Promise<Pick<ExaminationSession, "confirmation" | "notices">> {
  const { confirmContract } = await import("../data/confirm.ts");
  const { confirmationNotice } = await import("../data/notice.ts");
  const { labelHint, preprocessingHint } = await import("./hints.ts");
  const predicted = predictions.map((one) => one.predicted);
  const confirmation = confirmContract({
    correct: correct.length,
    total: predictions.length,
    classes: network.classes,
    answers: { labels: chunk.labels, predicted },
    say: (output) => classText(inputs.naming, output),
  });
  const order = labelHint(predicted, chunk.labels, network.classes, inputs.naming);
  const other = order
    ? undefined
    : await preprocessingHint(inputs, chunk, predictions, (trial) =>
        predict(engine, trial, "trying other preprocessing"),
      );
  const hints = [order, other?.sentence].filter((hint) => hint !== undefined);
  const stands = confirmation.ok || force || (judges && confirmation.kind === "one-class");
  if (!stands)
    throw unsupportedInput([confirmation.message, ...hints, "Or go on all the same with --force."].join(" "));
  for (const line of [confirmation.message, ...hints]) progress.say(line);
  const notices = [confirmationNotice(confirmation), other].filter((notice) => notice !== undefined);
  return { confirmation, notices };
}
