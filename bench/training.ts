/**
 * @file Time of a training step and of its parts: `npx tsx bench/training.ts [ARCHITECTURE] [BATCH] [ROUNDS]`.
 *
 * Each part is a graph of its own that goes one stage further than the last; the stages run interleaved, and a part's
 * time is the difference of the least ones. Processor time of this process, so that neighbours on the machine disturb
 * little; one thread, so that on a quiet machine it is the time that passes.
 */

import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { float32Tensor, intTensor } from "../src/graph/tensor.ts";
import { makeGraph } from "../src/graph/traverse.ts";
import type { Graph, Tensor } from "../src/graph/types.ts";
import { ascentGraph } from "../src/methods/train/adversary.ts";
import { modelOf } from "../src/methods/train/architectures.ts";
import { objectiveOf } from "../src/methods/train/index.ts";
import { initialParameters } from "../src/methods/train/initialise.ts";
import { crossEntropy } from "../src/methods/train/losses.ts";
import { flatGradient, meanLoss, trainingStep } from "../src/methods/train/step.ts";
import type { Objective } from "../src/methods/train/types.ts";
import { simplify } from "../src/ops/simplify.ts";
import { rng } from "../src/random/rng.ts";
import { createRuntime } from "../src/runtime/node.ts";
import { endsOf } from "../src/spec/ball.ts";

const [architecture = "CNNa", batchText = "128", roundsText = "60"] = process.argv.slice(2);
const [BATCH, ROUNDS, WARM_UP] = [Number(batchText), Number(roundsText), 5];
const EPOCH = 60_000;

const adam = { kind: "adam", beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 } as const;

const plainly = objectiveOf({ kind: "plain" });
const byIntervals = objectiveOf({ kind: "ibp", epsilon: 0.1, kappa: 0.5 });

/** Up to the loss, or up to the gradient. */
function upTo(objective: Objective, stage: "loss" | "gradient"): Graph {
  const { b, network, inputs, loss } = meanLoss(model, objective);
  const value = stage === "loss" ? loss : flatGradient(b, network, loss);
  return simplify(makeGraph(inputs, [{ name: stage, value }]));
}

const runtime = createRuntime();
const model = modelOf(architecture, [1, 28, 28], 10);
const random = rng(1);
const pixels = new Float32Array(BATCH * 784);
random.fillUniform(pixels, 0, 1);
const images = float32Tensor([BATCH, 1, 28, 28], pixels);
const numbers: Readonly<Record<string, number>> = {
  share: 1 / BATCH,
  learningRate: 5e-4,
  correction1: 10,
  correction2: 1000,
  epsilon: 0.1,
  kappa: 0.5,
  length: 0.03,
};
const theta = float32Tensor([model.size], initialParameters(model, "default", random));
const labels = intTensor(
  [BATCH],
  Array.from({ length: BATCH }, (_, i) => i % 10),
);

function feedFor(name: string): Tensor {
  if (name === "images" || name === "points") return images;
  if (name === "lower" || name === "upper") return float32Tensor(images.shape, ends[name]);
  if (name === "labels") return labels;
  if (name === "theta") return theta;
  const number = numbers[name];
  return number === undefined
    ? float32Tensor([model.size], new Float32Array(model.size))
    : float32Tensor([], Float32Array.of(number));
}

interface Stage {
  readonly name: string;
  readonly run: () => Promise<unknown>;
  readonly times: number[];
}

async function stage(name: string, graph: Graph): Promise<Stage> {
  const session = await runtime.compile(graph, { float: "float32", name });
  const feeds = Object.fromEntries(session.inputs.map((port) => [port.name, feedFor(port.name)]));
  return { name, run: () => session.run(feeds), times: [] };
}

async function measure(stages: readonly Stage[]): Promise<void> {
  for (let round = -WARM_UP; round < ROUNDS; round++)
    for (const { run, times } of stages) {
      const began = process.cpuUsage();
      await run();
      const { user, system } = process.cpuUsage(began);
      if (round >= 0) times.push((user + system) / 1000);
    }
}

const sorted = ({ times }: Stage) => times.toSorted((a, b) => a - b);
const median = (s: Stage) => sorted(s)[Math.floor(s.times.length / 2)]!;
const least = (s: Stage) => sorted(s)[0]!;

/** Prints each stage's share of the last one. */
function report(title: string, stages: readonly Stage[]): void {
  const whole = stages.at(-1)!;
  const perImage = (ms: number) => `${((1000 * ms) / BATCH).toFixed(1)} µs an image`;
  console.log(
    `\n${title}: ${least(whole).toFixed(2)} ms least, ${median(whole).toFixed(2)} ms median; ${perImage(least(whole))}, ${((least(whole) * EPOCH) / BATCH / 1000).toFixed(1)} s for 60,000`,
  );
  let before = 0;
  for (const s of stages) {
    const own = least(s) - before;
    console.log(
      `  ${s.name.padEnd(22)} ${own.toFixed(2).padStart(7)} ms  ${((100 * own) / least(whole)).toFixed(0).padStart(3)} %`,
    );
    before = least(s);
  }
}

const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
console.log(
  `${cpus()[0]?.model}, Node ${process.version}, commit ${commit}; ${architecture}, batch ${BATCH}, ${ROUNDS} rounds`,
);

const plain = [
  await stage("forward, loss", upTo(plainly, "loss")),
  await stage("gradient", upTo(plainly, "gradient")),
  await stage("update (Adam)", trainingStep(model, { objective: plainly, optimiser: adam })),
];
const interval = [
  await stage("forward, bounds, loss", upTo(byIntervals, "loss")),
  await stage("gradient", upTo(byIntervals, "gradient")),
  await stage("clip, update (Adam)", trainingStep(model, { objective: byIntervals, optimiser: adam, clipNorm: 10 })),
];
const { step } = ascentGraph(
  model,
  (b, network, { points, target }) => crossEntropy(b, network.logits(points), target),
  "linf",
);
const ends = endsOf({ norm: "linf", epsilon: 0.1, domain: [0, 1] }, pixels);
const attack = await stage("attack step", step);
await measure([...plain, ...interval, attack]);
report("plain step", plain);
report("IBP step", interval);
const pgd = 7 * least(attack) + least(plain.at(-1)!);
console.log(`\none attack step (PGD): ${least(attack).toFixed(2)} ms`);
console.log(`PGD-7 step: ${pgd.toFixed(1)} ms, ${((pgd * EPOCH) / BATCH / 1000).toFixed(1)} s for 60,000`);

/** The same steps with the runtime's own convolutions. */
const unlowered = [
  await stage("plain step", trainingStep(model, { objective: plainly, optimiser: adam, columns: false })),
  await stage(
    "IBP step",
    trainingStep(model, { objective: byIntervals, optimiser: adam, clipNorm: 10, columns: false }),
  ),
];
// after the rest: the memory of so many sessions at once would slow all of them
await measure(unlowered);
console.log("\nwithout the lowering of convolutions:");
for (const [i, s] of unlowered.entries()) {
  const lowered = least([plain, interval][i]!.at(-1)!);
  console.log(
    `  ${s.name.padEnd(22)} ${least(s).toFixed(2).padStart(7)} ms, ${(least(s) / lowered).toFixed(2)} times as long`,
  );
}
