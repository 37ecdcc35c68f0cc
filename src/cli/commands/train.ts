import { readFileSync, rmSync } from "node:fs";
import { basename } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { TrainConfig } from "../../methods/train/config.ts";
import type { CheckpointStore, Progress, TrainEvent, TrainResult } from "../../methods/train/train.ts";
import { percent, secondsText } from "../../report/format.ts";
import { nodeDigest } from "../../runtime/node-digest.ts";
import { readOptions } from "../config.ts";
import { CliError, EXIT, systemReason, usage } from "../errors.ts";
import { checkOutputFile, writeWhole } from "../output.ts";
import { type Io, TRAIN_OPTIONS } from "../verbs.ts";
import { TOOL, VERSION } from "../version.ts";

type TrainOptions = ReturnType<typeof readTrainOptions>;
const readTrainOptions = (raw: Readonly<Record<string, unknown>>) => readOptions(TRAIN_OPTIONS, raw);

export async function train(recipe: string, raw: Readonly<Record<string, unknown>>, io: Io): Promise<number> {
  const options = readTrainOptions(raw);
  const config = await readRecipe(recipe, options);
  const out = options.out ?? `${config.name ?? basename(recipe).replace(/\.json$/, "")}.onnx`;
  checkOutputFile(out);
  const { loadDataset } = await import("../../data/files.ts");
  const { samplesOf } = await import("../../methods/train/samples.ts");
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
  };
  const shown = accuracy === null ? "" : `, validation accuracy ${percent(accuracy)}`;
  await io.print(
    options.json
      ? `${JSON.stringify(summary)}\n`
      : `${out}: ${result.model.size} parameters, ${secondsText(result.seconds)} of training${shown}\nsha256 ${sha256}\n`,
  );
  return EXIT.passed;
}

/** The recipe with what the command line overrides. */
async function readRecipe(path: string, { data, seed }: TrainOptions): Promise<TrainConfig> {
  let recipe: unknown;
  try {
    recipe = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    const fact =
      error instanceof SyntaxError ? `is not JSON: ${error.message}` : `cannot be read: ${systemReason(error)}`;
    throw usage(`the recipe ${path} ${fact}`, error);
  }
  const { parseTrainConfig } = await import("../../methods/train/config.ts");
  const object = typeof recipe === "object" && recipe !== null ? recipe : {};
  return parseTrainConfig({ ...object, ...(data !== undefined && { data }), ...(seed !== undefined && { seed }) });
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
    throw new CliError(EXIT.interrupted, `interrupted; to go on, ${wayOut}`, { cause: error });
  }
  throw new Error("the training ended without a result");
}

const stepLine = ({ epoch, epochs, step, steps, loss, secondsLeft }: Progress): string =>
  `epoch ${epoch} of ${epochs}, step ${step} of ${steps}, loss ${loss.toFixed(4)}, ${secondsText(secondsLeft)} left`;
