/** @file What every study begins with: a model, its inputs, a place to compute, and the model's answers to the inputs. */

import { classText } from "../data/classes.ts";
import type { Confirmation } from "../data/confirm.ts";
import type { Notice } from "../data/notice.ts";
import { unsupportedInput } from "../graph/fault.ts";
import { isLarge } from "../methods/cost.ts";
import type { Network, Normalisation } from "../methods/network.ts";
import type { Chunk, Prediction } from "../methods/records.ts";
import type { Host, Place } from "../runtime/jobs.ts";
import type { Device } from "../runtime/session.ts";
import { createEngine, type Engine } from "./engine.ts";
import type { tryWays } from "./hints.ts";
import type { Inputs } from "./inputs.ts";
import { predict as predictJob } from "./jobs/kinds.ts";
import { networkFor, type ReadModel, type SubjectSpec, subjectOf } from "./jobs/subject.ts";
import { type Progress, SILENT } from "./progress.ts";

/** A model that is ready to be examined. */
export interface OpenModel {
  readonly model: ReadModel;
  readonly network: Network;
  readonly engine: Engine;
  readonly place: Place;
  readonly progress: Progress;
  readonly seed: number;
  /** What each input and run may take. */
  readonly limits: { readonly timeout: number | null; readonly memory: number | null; readonly device: Device };
}

/** With inputs, and the model's answers to them. */
export interface Examination extends OpenModel {
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
  /** Other usual ways to feed the model, and the one that is clearly better; undefined without labels to tell. */
  readonly ways: Awaited<ReturnType<typeof tryWays>>;
  /** Of the clean answers. */
  readonly predictSeconds: number;
}

export interface ExamineOptions {
  readonly place: Place;
  /** This thread, where the model has been read already: it spares a second reading. */
  readonly host?: Host | undefined;
  readonly device?: Device | undefined;
  /** Root of all random numbers; default 0. */
  readonly seed?: number | undefined;
  /** Take what an earlier run has finished. */
  readonly resume?: boolean | undefined;
  /** Bytes that the intermediate results of one run may take; by default what the methods say. */
  readonly memory?: number | undefined;
  /** Seconds for one input. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: Progress | undefined;
  /** Go on where the accuracy cannot be told from chance. */
  readonly force?: boolean | undefined;
  /** Go on with a model that answers one class only: it is judged, not refused. */
  readonly judgesOneClass?: boolean | undefined;
}

/** Inputs in one forward pass of the model file. */
const PREDICT_CHUNK = 512;
/** Of a network that takes long: so few that all threads have work, and have read the model before anything is timed. */
const LARGE_CHUNK = 4;

/**
 * @param normalisation of pixels, before the model
 * @throws NetworkError; UserError (unsupported) for a fixed batch of more than one
 */
export async function openModel(
  model: ReadModel,
  normalisation: Normalisation | undefined,
  { place, host, device = "cpu", memory, seed = 0, progress = SILENT, ...options }: ExamineOptions,
): Promise<OpenModel> {
  const network = await networkFor(model, normalisation, place.digest);
  checkBatch(model.path, network);
  const subject: SubjectSpec = {
    fileName: model.path.replace(/^.*[\\/]/, ""),
    model: model.sha256,
    external: model.external,
    choice: model.choice,
    normalisation: normalisation ?? null,
    device,
    ...(memory !== undefined && { memoryBudget: memory }),
  };
  if (host) await subjectOf(subject, host, model);
  for (const warning of model.warnings) progress.say(`${model.path}: ${warning}`);
  const { resume = false, timeout, signal } = options;
  const run = { timeout, signal, resume, progress };
  const engine = createEngine({ subject, subjectHash: network.hash, place, ...run });
  const limits = { timeout: timeout ?? null, memory: memory ?? null, device };
  return { model, network, engine, place, progress, seed, limits };
}

/**
 * The model's answers to the inputs, and whether they can be relied on.
 * @throws UserError where a label is no class of the model, or the accuracy cannot be told from chance; ReadingError where
 *   the file was read otherwise than it runs
 */
export async function examine(model: ReadModel, inputs: Inputs, options: ExamineOptions): Promise<Examination> {
  const opened = await openModel(model, inputs.normalisation, options);
  const { network, engine, place, progress } = opened;
  sayInputs(inputs, progress);
  checkLabels(inputs, network.classes);
  const start = place.now();
  const predictions = await predict(engine, inputs.chunk, "clean answers", chunkFor(network));
  const predictSeconds = (place.now() - start) / 1000;
  const labelled = inputs.dataset.labels !== undefined;
  const chunk = labelled
    ? inputs.chunk
    : { ...inputs.chunk, labels: Int32Array.from(predictions, ({ predicted }) => predicted) };
  const correct = predictions.flatMap(({ predicted }, i) => (predicted === chunk.labels[i] ? [i] : []));
  const examined = { ...opened, inputs, chunk, labelled, predictions, correct, predictSeconds };
  return { ...examined, ...(labelled ? await confirm(examined, options) : UNCONFIRMED) };
}

const UNCONFIRMED = { confirmation: undefined, notices: [], ways: undefined } as const;

/** The scale of the inputs and the unit of epsilon, before any number; then what was concluded while reading. */
function sayInputs({ dataset, contract, unit }: Inputs, { say }: Progress): void {
  const { value, basis } = contract.items.find(({ item }) => item === "range")!;
  say(`Range: ${value} (${basis}); ${unit.kind === "given" ? "sets" : "epsilon in"} ${unit.text}.`);
  for (const note of dataset.notes) say(note);
}

const chunkFor = ({ graph }: Network): number => (isLarge(graph) ? LARGE_CHUNK : PREDICT_CHUNK);

export async function predict(
  engine: Engine,
  inputs: Chunk,
  what = "clean answers",
  chunk = PREDICT_CHUNK,
): Promise<Prediction[]> {
  const task = {
    job: predictJob,
    what,
    method: { id: "forward", version: 3 },
    settings: null,
    essential: true,
  } as const;
  const answers = await engine.run({ ...task, inputs, chunk, timed: false });
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
  }: Omit<Examination, "confirmation" | "notices" | "ways">,
  { force = false, judgesOneClass = false }: ExamineOptions,
): Promise<Pick<Examination, "confirmation" | "notices" | "ways">> {
  const { confirmContract } = await import("../data/confirm.ts");
  const { confirmationNotice } = await import("../data/notice.ts");
  const { labelHint, tryWays } = await import("./hints.ts");
  const predicted = predictions.map((one) => one.predicted);
  const confirmation = confirmContract({
    correct: correct.length,
    total: predictions.length,
    classes: network.classes,
    answers: { labels: chunk.labels, predicted },
    say: (output) => classText(inputs.naming, output),
  });
  const order = labelHint(predicted, chunk.labels, network.classes, inputs.naming);
  const ways = order
    ? undefined
    : await tryWays(inputs, chunk, predictions, (trial) => predict(engine, trial, "trying other preprocessing"));
  const other = ways?.better?.notice;
  const hints = [order, other?.sentence].filter((hint) => hint !== undefined);
  const stands = confirmation.ok || force || (judgesOneClass && confirmation.kind === "one-class");
  if (!stands)
    throw unsupportedInput([confirmation.message, ...hints, "Or go on all the same with --force."].join(" "));
  for (const line of [confirmation.message, ...hints]) progress.say(line);
  const notices = [confirmationNotice(confirmation), other].filter((notice) => notice !== undefined);
  return { confirmation, notices, ways };
}
