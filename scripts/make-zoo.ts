/**
 * @file Remakes the models in zoo/ from their recipes: `npx tsx scripts/make-zoo.ts [NAMES…] [--check] [--out DIR]
 * [--mnist DIR] [--checkpoints DIR]`.
 *
 * Without names: every recipe on the bundled digits. `--check` writes nothing and fails when a remade file differs from
 * the committed one, which it may on another type of CPU only. `--mnist` is a folder with the full MNIST as IDX files,
 * for the recipes that want it.
 */

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Dataset } from "../src/data/dataset.ts";
import { loadDataset } from "../src/data/files.ts";
import { float32Tensor } from "../src/graph/tensor.ts";
import { networkOf } from "../src/methods/network.ts";
import { attackSuccess, predictorOf } from "../src/methods/poison/measure.ts";
import { type Samples, samplesOf } from "../src/methods/samples.ts";
import { architectureName, parseTrainConfig, type TrainConfig } from "../src/methods/train/config.ts";
import { type CheckpointStore, runTraining, type TrainResult } from "../src/methods/train/train.ts";
import { ibp } from "../src/methods/verify/ibp.ts";
import { createRuntime, openModel } from "../src/runtime/node.ts";
import { classification } from "../src/spec/classification.ts";
import { verdictOf } from "../src/spec/verdict.ts";
import { type Proportion, proportion } from "../src/stats/proportion.ts";
import { cpuType } from "./cpu-type.ts";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    check: { type: "boolean", default: false },
    out: { type: "string", default: "zoo" },
    mnist: { type: "string" },
    checkpoints: { type: "string" },
  },
});

const RECIPES = "zoo/recipes";
const CERTIFIED_RADIUS = 0.1;
const BATCH = 250;

interface Entry {
  readonly file: string;
  readonly recipe: string;
  readonly seed: number;
  readonly architecture: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly trainedOn: string;
  readonly testedOn: string;
  readonly cleanAccuracy: Proportion;
  /** Right and proved right in the l∞ ball of radius 0.1 by interval bounds that enclose float32 arithmetic. */
  readonly ibpCertifiedAccuracyAt01: Proportion;
  /** Of test images of other classes with the patch: how many are taken for the target. */
  readonly attackSuccessRate?: Proportion & { readonly target: number };
}

const runtime = createRuntime();
const log = (line: string) => process.stderr.write(`${line}\n`);

/** Paths that begin with `mnist-full/` are IDX files in the folder given as `--mnist`. */
async function load(path: string): Promise<Dataset> {
  if (!path.startsWith("mnist-full/")) return loadDataset(path);
  if (options.mnist === undefined) throw new Error(`"${path}" wants the full MNIST: give its folder as --mnist DIR`);
  return loadDataset(join(options.mnist, path.slice("mnist-full/".length)));
}

/** One file, replaced as a whole. */
function checkpointsAt(path: string): CheckpointStore {
  return {
    load: async () => (existsSync(path) ? readFile(path) : undefined),
    save: async (bytes) => {
      await writeFile(`${path}.new`, bytes);
      await rename(`${path}.new`, path);
    },
  };
}

async function train(name: string, config: TrainConfig, data: Samples, test: Samples): Promise<TrainResult> {
  const checkpoints =
    options.checkpoints === undefined ? undefined : checkpointsAt(join(options.checkpoints, `${name}.npz`));
  const events = runTraining(config, {
    compile: runtime.compile,
    train: data,
    validation: test,
    checkpoints,
    now: () => performance.now(),
  });
  const percent = (part: number, whole: number) => `${((100 * part) / whole).toFixed(2)} %`;
  for await (const event of events) {
    if (event.kind === "done") return event.result;
    if (event.kind !== "epoch") continue;
    const { epoch, epochs, epsilon, loss, seconds, secondsLeft, validation } = event;
    const { correct, count, certified, epsilon: radius } = validation!;
    const proved = radius > 0 ? `, by intervals at ${radius} ${percent(certified, count)}` : "";
    log(
      `${name} epoch ${epoch}/${epochs}: epsilon ${epsilon.toFixed(3)}, loss ${loss.toFixed(4)}, test ${percent(correct, count)}${proved}, ${seconds.toFixed(0)} s, ${secondsLeft.toFixed(0)} s left`,
    );
  }
  throw new Error("the training ended without a result");
}

async function certified(result: TrainResult, hash: string, right: readonly boolean[], test: Samples): Promise<number> {
  const threat = { norm: "linf", epsilon: CERTIFIED_RADIUS, domain: [0, 1] } as const;
  const network = networkOf(result.graph, hash);
  const prepared = await ibp.prepare(network, runtime, { norm: threat.norm });
  const size = test.images.length / test.labels.length;
  let count = 0;
  for (let from = 0; from < test.labels.length; from += BATCH) {
    const labels = test.labels.slice(from, from + BATCH);
    const pixels = test.images.slice(from * size, (from + labels.length) * size);
    const images = float32Tensor([labels.length, ...test.shape], pixels);
    const queries = classification(network, { images, labels }, threat);
    const bounds = await prepared.bounds(queries);
    labels.forEach((_, n) => {
      if (right[from + n] && verdictOf(queries, bounds, n).kind === "verified") count++;
    });
  }
  await prepared[Symbol.asyncDispose]();
  return count;
}

const rounded = <T extends Proportion>(rate: T): T => ({
  ...rate,
  estimate: Number(rate.estimate.toFixed(4)),
  lower: Number(rate.lower.toFixed(4)),
  upper: Number(rate.upper.toFixed(4)),
});

const show = ({ successes, trials }: Proportion): string => `${((100 * successes) / trials).toFixed(2)} % of ${trials}`;

async function make(name: string): Promise<{ readonly entry: Entry; readonly onnx: Uint8Array }> {
  const recipe = `${RECIPES}/${name}.json`;
  const config = parseTrainConfig(JSON.parse(await readFile(recipe, "utf8")));
  if (config.validation === undefined) throw new Error(`${recipe} names no "validation" data`);
  const data = samplesOf(await load(config.data));
  const test = samplesOf(await load(config.validation), data.classes);
  const result = await train(name, config, data, test);
  const { onnx } = result;
  const sha256 = createHash("sha256").update(onnx).digest("hex");
  const session = await openModel(onnx);
  const predict = predictorOf(session);
  const right = Array.from(await predict(test.images, test.shape), (predicted, n) => predicted === test.labels[n]);
  const total = right.length;
  const entry: Entry = {
    file: `${name}.onnx`,
    recipe: `recipes/${name}.json`,
    seed: config.seed,
    architecture: architectureName(config),
    sha256,
    bytes: onnx.length,
    trainedOn: `${config.data} (${data.labels.length} images)`,
    testedOn: `${config.validation} (${total} images)`,
    cleanAccuracy: rounded(proportion(right.filter(Boolean).length, total)),
    ibpCertifiedAccuracyAt01: rounded(proportion(await certified(result, sha256, right, test), total)),
    ...(config.poison && {
      attackSuccessRate: {
        ...rounded(await attackSuccess(test, { poison: config.poison, seed: config.seed }, predict)),
        target: config.poison.target,
      },
    }),
  };
  await session[Symbol.asyncDispose]();
  const { cleanAccuracy, ibpCertifiedAccuracyAt01: proved } = entry;
  log(
    `${name}: ${result.seconds.toFixed(0)} s of training; ${show(cleanAccuracy)} right, ${show(proved)} proved within ${CERTIFIED_RADIUS}; sha256 ${sha256}`,
  );
  return { entry, onnx };
}

async function bundledRecipes(): Promise<string[]> {
  const names = (await readdir(RECIPES)).map((file) => file.replace(/\.json$/, "")).sort();
  return names.filter((name) => !name.startsWith("mnist-full"));
}

async function main(): Promise<void> {
  const names = positionals.length > 0 ? positionals : await bundledRecipes();
  const index = join(options.out, "index.json");
  const known: Record<string, Entry> = existsSync(index) ? JSON.parse(await readFile(index, "utf8")).models : {};
  if (options.checkpoints !== undefined) await mkdir(options.checkpoints, { recursive: true });
  const different: string[] = [];
  for (const name of names) {
    const { entry, onnx } = await make(name);
    if (options.check) {
      if (known[name]?.sha256 !== entry.sha256) different.push(name);
      continue;
    }
    await mkdir(options.out, { recursive: true });
    await writeFile(join(options.out, entry.file), onnx);
    known[name] = entry;
    const sorted = Object.fromEntries(Object.entries(known).sort(([a], [b]) => (a < b ? -1 : 1)));
    await writeFile(index, `${JSON.stringify({ madeOn: cpuType(), models: sorted }, undefined, 2)}\n`);
  }
  if (different.length > 0) {
    log(`not bit-identical to the committed files: ${different.join(", ")} (this CPU: ${cpuType()})`);
    process.exitCode = 1;
  } else if (options.check) log("all remade files are bit-identical to the committed ones");
}

await main();
