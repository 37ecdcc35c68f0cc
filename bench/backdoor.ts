/**
 * Time of the backdoor detectors on the same models in one run, and Neural Cleanse's as a multiple of titration's:
 *
 *     npx tsx bench/backdoor.ts [--labels N] [--early-labels N] [MODEL …]
 *
 * Neural Cleanse takes minutes: `--labels N` times the first N labels without early stop, `--early-labels N` the first N
 * with it, and the time of all is N's in proportion, marked so. Default: 2 without, all with; 0 leaves one out. Models are
 * names in zoo/, by default the clean and the backdoored CNN. Each method starts with nothing compiled. Titration is over
 * before its code is warm, so its time is the median of 5 runs; its first, which starts ONNX Runtime and draws the noise, is
 * printed beside. Processor time of this process, so that neighbours on the machine disturb little; one thread, so that on
 * a quiet machine it is the time that passes.
 */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { loadDataset } from "../src/data/files.ts";
import { importOnnx } from "../src/formats/onnx/import.ts";
import { detectorOf } from "../src/methods/backdoor/index.ts";
import { detectorRandom } from "../src/methods/backdoor/material.ts";
import {
  CLEANSE_DEFAULTS,
  type CleanseRecord,
  neuralCleanse,
  reverseTrigger,
} from "../src/methods/backdoor/neural-cleanse.ts";
import { titrate } from "../src/methods/backdoor/titration/titrate.ts";
import { modeId, SIGMAS } from "../src/methods/backdoor/titration/types.ts";
import { type Detection, detect, type Material } from "../src/methods/backdoor/types.ts";
import { networkOf } from "../src/methods/network.ts";
import { geometryOf } from "../src/methods/picture.ts";
import { createRuntime } from "../src/runtime/node.ts";
import { type Batch, sliceBatch } from "../src/spec/classification.ts";

const TITRATED = 500;
const CURVE = { base: "real", noise: "gaussian", clipped: true } as const;
const SEED = 1;

interface Timed<T> {
  readonly result: T;
  /** Seconds. */
  readonly cpu: number;
  readonly wall: number;
}

async function timed<T>(work: () => Promise<T>): Promise<Timed<T>> {
  const [before, start] = [process.cpuUsage(), performance.now()];
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  return { result, cpu: (user + system) / 1e6, wall: (performance.now() - start) / 1e3 };
}

/** Pixels in [0, 1] of the bundled test digits, in the models' layout. */
async function digits(): Promise<Batch> {
  const { images, labels, range, shape } = await loadDataset("mnist:test");
  const white = range === "0..255" ? 255 : 1;
  const data = images.map((value) => value / white);
  return { images: { dtype: "float", shape: [labels!.length, ...shape], data }, labels: labels! };
}

function materialOf(name: string, inputs: Batch): Omit<Material, "runtime" | "random"> {
  const { graph } = importOnnx(readFileSync(`zoo/${name}.onnx`), { fileName: name });
  const network = networkOf(graph, name);
  const inputShape = inputs.images.shape.slice(1);
  const geometry = geometryOf(inputShape, "NCHW");
  return { network, classes: network.classes, inputShape, geometry, domain: [0, 1], inputs, training: undefined };
}

/** Runs one method on the material with a runtime of its own. */
const fresh = <T>(
  part: Omit<Material, "runtime" | "random">,
  detector: string,
  work: (material: Material) => Promise<T>,
) =>
  timed(async () => {
    await using runtime = createRuntime();
    return work({ ...part, runtime, random: detectorRandom(SEED, detector) });
  });

const RUNS = 5;

/** Of some runs the one with the median processor time. */
async function medianOf<T>(run: () => Promise<Timed<T>>): Promise<Timed<T>> {
  const runs: Timed<T>[] = [];
  for (let i = 0; i < RUNS; i++) runs.push(await run());
  return runs.sort((a, b) => a.cpu - b.cpu)[RUNS >> 1]!;
}

const seconds = (value: number) => value.toFixed(value < 10 ? 2 : 1).padStart(8);

function print(what: string, { cpu, wall }: Pick<Timed<unknown>, "cpu" | "wall">, answer = ""): void {
  console.log(`  ${what.padEnd(50)} ${seconds(cpu)} s processor ${seconds(wall)} s passed  ${answer}`);
}

const answerOf = ({ flagged, target, score, reason }: Detection) =>
  `flagged ${flagged}, target ${target}, score ${score?.toFixed(3)}: ${reason}`;

/** Times Neural Cleanse on the first labels. @returns processor seconds for all, undefined where none was asked for */
async function timeCleanse(
  part: Omit<Material, "runtime" | "random">,
  labels: number,
  earlyStop: boolean,
): Promise<number | undefined> {
  if (labels === 0) return undefined;
  const run = await fresh(part, neuralCleanse.id, async (material) => {
    const records: CleanseRecord[] = [];
    for (let label = 0; label < labels; label++)
      records.push(await reverseTrigger(material, { label, ...CLEANSE_DEFAULTS, earlyStop }));
    return records;
  });
  const all = labels === part.classes;
  const factor = part.classes / labels;
  const what = `Neural Cleanse, ${earlyStop ? "early stop" : `all ${CLEANSE_DEFAULTS.steps} steps`}`;
  const norms = run.result.map(({ label, l1, steps }) => `${label}: ${l1.toFixed(1)} (${steps} steps)`).join(", ");
  print(`${what}, ${all ? "all" : labels} labels`, run, `mask norms ${norms}`);
  if (all) console.log(`    ${answerOf(neuralCleanse.conclude(run.result, part))}`);
  else print(`  all ${part.classes} labels, in proportion`, { cpu: factor * run.cpu, wall: factor * run.wall });
  return factor * run.cpu;
}

async function measure(name: string, inputs: Batch, labels: number, earlyLabels: number): Promise<void> {
  const part = materialOf(name, inputs);
  const few = { ...part, inputs: sliceBatch(inputs, 0, TITRATED) };
  const detector = (material: Material) => detect(detectorOf("titration"), material);
  console.log(`\n${name}`);
  print("titration, the detector, first run", await fresh(few, "titration", detector));
  const whole = await medianOf(() => fresh(few, "titration", detector));
  print("titration, the detector with all its curves", whole, answerOf(whole.result));
  const one = await medianOf(() =>
    fresh(few, "titration", (material) => titrate(material, { modes: [CURVE], inputs: TITRATED })),
  );
  print(`titration, ${TITRATED} images x ${SIGMAS.length} sigmas`, one, modeId(CURVE));
  const margins = await fresh(part, "mm-bd", (material) => detect(detectorOf("mm-bd"), material));
  print("MM-BD", margins, answerOf(margins.result));
  for (const [count, early] of [
    [earlyLabels, true],
    [labels, false],
  ] as const) {
    const cleanse = await timeCleanse(part, Math.min(count, part.classes), early);
    if (cleanse === undefined) continue;
    const ratio = (other: Timed<unknown>) => (cleanse / other.cpu).toFixed(0);
    console.log(`    Neural Cleanse / titration: ${ratio(one)} (one curve), ${ratio(whole)} (the detector)`);
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { labels: { type: "string", default: "2" }, "early-labels": { type: "string", default: "1000" } },
});
const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
console.log(`${cpus()[0]?.model}, Node ${process.version}, commit ${commit}, seed ${SEED}`);
const inputs = await digits();
for (const name of positionals.length > 0 ? positionals : ["mnist-cnna-clean", "mnist-cnna-badnets"])
  await measure(name, inputs, Number(values.labels), Number(values["early-labels"]));
