import { readFileSync, rmSync } from "node:fs";
import { basename } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { UserError, usage } from "../../graph/fault.ts";
import { checkOutputFile, writeWhole } from "../../local/output.ts";
import { readJson } from "../../local/read-json.ts";
import { TOOL, VERSION } from "../../local/version.ts";
import type { Network, Normalisation } from "../../methods/network.ts";
import type { Samples } from "../../methods/samples.ts";
import type { TrainConfig } from "../../methods/train/config.ts";
import type { CheckpointStore, Progress, TrainEvent, TrainResult } from "../../methods/train/train.ts";
import { percent, secondsText, shortRateText } from "../../report/format.ts";
import { nodeDigest } from "../../runtime/node-digest.ts";
import type { Proportion } from "../../stats/proportion.ts";
import { readOptions } from "../config.ts";
import { EXIT } from "../errors.ts";
import type { Io } from "../io.ts";
import { trainVerb } from "../verbs/train.ts";

type TrainOptions = ReturnType<typeof readTrainOptions>;
const readTrainOptions = (raw: Readonly<Record<string, unknown>>) => readOptions(trainVerb.options, raw);

export async function train(recipe: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const options = readTrainOptions(raw);
  const config = await readRecipe(recipe, options);
  const out = options.out ?? `${config.name ?? basename(recipe).replace(/\.json$/, "")}.onnx`;
  checkOutputFile(out);
  const { loadDataset } = await import("../../data/files.ts");
  const { samplesOf } = await import("../../methods/samples.ts");
  const { runTraining } = await import("../../methods/train/train.ts");
  const { compile } = await import("../../runtime/node.ts");
  const data = samplesOf(await loadDataset(config.data, { split: "train" }));
  const validation =
    config.validation === undefined ? undefined : samplesOf(await loadDataset(config.validation), data.classes);
  const checkpoint = `${out}.checkpoint`;
  const events = runTraining(config, {
    compile,
    train: data,
    validation,
    pretrained: await pretrainedOf(config),
    surrogate: await surrogateFor(config),
    checkpoints: checkpointsAt(checkpoint, options.resume ?? false),
    signal: io.signal,
    now: () => performance.now(),
  });
  const { result, accuracy } = await follow(events, io, `run the same command with --resume; ${checkpoint} is kept`);
  writeWhole(out, result.onnx);
  rmSync(checkpoint, { force: true });
  const sha256 = nodeDigest(result.onnx);
  const summary = {
    tool: TOOL,
    version: VERSION,
    model: { path: out, sha256 },
    seed: config.seed,
    seconds: result.seconds,
    accuracy,
    poison: await plantedIn(result, config, validation),
  };
  const shown = accuracy === null ? "" : `, validation accuracy ${percent(accuracy)}`;
  await io.print(
    options.json
      ? `${JSON.stringify(summary)}\n`
      : `${out}: ${result.model.size} parameters, ${secondsText(result.seconds)} of training${shown}\n${summary.poison ? plantedText(summary.poison) : ""}sha256 ${sha256}\n`,
  );
  return EXIT.passed;
}

/** The recipe with what the command line overrides. */
async function readRecipe(path: string, { data, seed, poison }: TrainOptions): Promise<TrainConfig> {
  const recipe = readJson(path, "the recipe");
  const { parseTrainConfig } = await import("../../methods/train/config.ts");
  const object = typeof recipe === "object" && recipe !== null ? recipe : {};
  return parseTrainConfig({
    ...object,
    ...(data !== undefined && { data }),
    ...(seed !== undefined && { seed }),
    ...(poison !== undefined && { poison: readPoison(poison) }),
  });
}

/** JSON as it stands, or a file of it. */
function readPoison(text: string): unknown {
  if (!text.trimStart().startsWith("{")) return readJson(text, "the poison file");
  try {
    return JSON.parse(text);
  } catch (error) {
    throw usage(`--poison is not JSON: ${(error as Error).message}`, error);
  }
}

/** The classifier in the file that a recipe names; its normalisation goes before it. */
async function pretrainedOf(config: TrainConfig): Promise<Network | undefined> {
  const { architectureFile } = await import("../../methods/train/config.ts");
  const file = architectureFile(config);
  const { normalisation } = config;
  return file === undefined ? undefined : networkAt(file, normalisation && { ...normalisation, axis: 1 });
}

/** The clean network that a recipe's poison names. */
async function surrogateFor({ poison }: TrainConfig): Promise<Network | undefined> {
  const { surrogateOf } = await import("../../methods/poison/index.ts");
  const path = surrogateOf(poison);
  return path === undefined ? undefined : networkAt(path);
}

async function networkAt(path: string, normalisation?: Normalisation): Promise<Network> {
  const { loadModel } = await import("../../runtime/node-model.ts");
  const { networkFor } = await import("../../studies/jobs/subject.ts");
  return networkFor(await loadModel(path, { classifier: {} }), normalisation, nodeDigest);
}

interface Planted {
  readonly config: NonNullable<TrainConfig["poison"]>;
  /** Images with the trigger, images that look alike and keep their label, and the former's share of all. */
  readonly poisoned: number;
  readonly covers: number;
  readonly shareOfSet: number;
  /** On the validation data; `null` without. */
  readonly cleanAccuracy: Proportion | null;
  readonly attackSuccess: Proportion | null;
}

/** What was planted, and how well it works in the file as written. `null` where nothing was. */
async function plantedIn(
  { onnx, poison: places }: TrainResult,
  { poison, seed }: TrainConfig,
  validation: Samples | undefined,
): Promise<Planted | null> {
  if (!poison || !places) return null;
  const { poisoned, covers, shareOfSet } = places;
  const counts = { config: poison, poisoned: poisoned.length, covers: covers.length, shareOfSet };
  if (!validation) return { ...counts, cleanAccuracy: null, attackSuccess: null };
  const { attackSuccess, cleanAccuracy, predictorOf } = await import("../../methods/poison/measure.ts");
  const { openModel } = await import("../../runtime/node.ts");
  const session = await openModel(onnx);
  const predict = predictorOf(session);
  const rates = {
    cleanAccuracy: await cleanAccuracy(validation, predict),
    attackSuccess: await attackSuccess(validation, { poison, seed }, predict),
  };
  await session[Symbol.asyncDispose]();
  return { ...counts, ...rates };
}

function plantedText({ config, poisoned, covers, shareOfSet, cleanAccuracy, attackSuccess }: Planted): string {
  const beside = covers > 0 ? `, ${covers} covers` : "";
  const counts = `${config.kind} in ${poisoned} training images (${percent(shareOfSet)})${beside}`;
  if (!cleanAccuracy || !attackSuccess) return `poison: ${counts}\n`;
  return `poison: ${counts}; clean accuracy ${shortRateText(cleanAccuracy)}, attack success ${shortRateText(attackSuccess)}\n`;
}

const checkpointsAt = (path: string, resume: boolean): CheckpointStore => ({
  async load() {
    if (!resume) return undefined;
    try {
      return readFileSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  },
  save: async (bytes) => writeWhole(path, bytes),
});

async function follow(
  events: AsyncIterable<TrainEvent>,
  io: Io,
  wayOut: string,
): Promise<{ result: TrainResult; accuracy: number | null }> {
  let accuracy: number | null = null;
  const clear = io.stderr.isTTY ? "\r\u001b[K" : "";
  try {
    for await (const event of events) {
      // a step keeps the thread: give Ctrl-C its turn
      await nextTurn();
      if (event.kind === "done") return { result: event.result, accuracy };
      if (event.kind === "resume") io.stderr.write(`going on in epoch ${event.epoch}, step ${event.step}\n`);
      if (event.kind === "step" && io.stderr.isTTY) io.stderr.write(`${clear}${stepLine(event)}`);
      if (event.kind !== "epoch") continue;
      const { validation } = event;
      accuracy = validation ? validation.correct / validation.count : null;
      const rate = accuracy === null ? "" : `, validation accuracy ${percent(accuracy)}`;
      io.stderr.write(`${clear}epoch ${event.epoch} of ${event.epochs}: loss ${event.loss.toFixed(4)}${rate}\n`);
    }
  } catch (error) {
    if (!io.signal.aborted) throw error;
    throw new UserError("interrupted", `interrupted; to go on, ${wayOut}`, { cause: error });
  }
  throw new Error("the training ended without a result");
}

const stepLine = ({ epoch, epochs, step, steps, loss, secondsLeft }: Progress): string =>
  `epoch ${epoch} of ${epochs}, step ${step} of ${steps}, loss ${loss.toFixed(4)}, ${secondsText(secondsLeft)} left`;
