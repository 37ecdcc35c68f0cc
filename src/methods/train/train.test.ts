import { expect, test } from "vitest";
import { float32Tensor } from "../../graph/tensor.ts";
import { rng } from "../../random/rng.ts";
import { compile, openModel } from "../../runtime/node.ts";
import { triggerOf } from "../poison/poison.ts";
import { gather, type Samples } from "../samples.ts";
import { parseTrainConfig } from "./config.ts";
import { evaluate } from "./evaluate.ts";
import { objectiveOf } from "./index.ts";
import {
  type CheckpointStore,
  runTraining,
  type TrainDependencies,
  type TrainEvent,
  type TrainResult,
} from "./train.ts";

/** Bright bars on noise: the row of the bar is the class. */
function bars(count: number, seed: number): Samples {
  const random = rng(seed);
  const images = new Float32Array(count * 64);
  random.fillUniform(images, 0, 0.5);
  const labels = Int32Array.from({ length: count }, () => random.int(4));
  labels.forEach((label, n) => {
    for (let x = 0; x < 8; x++) images[n * 64 + (2 * label + 1) * 8 + x]! += 0.4;
  });
  return { images, shape: [1, 8, 8], labels, classes: 4 };
}

const train = bars(150, 1);
const validation = bars(100, 2);

const configs = {
  plain: {
    architecture: "FCNNa",
    epochs: 3,
    batch: 32,
    learningRate: 0.01,
    schedule: { kind: "cosine" },
    augmentation: { crop: 1 },
  },
  pgd: {
    architecture: "FCNNa",
    epochs: 2,
    batch: 32,
    optimiser: { kind: "sgd", momentum: 0.9, nesterov: true, weightDecay: 5e-4 },
    learningRate: 0.05,
    method: { kind: "pgd", epsilon: 0.1, steps: 2, restarts: 2, ramp: { start: 0, end: 1 } },
  },
  ibp: {
    architecture: "CNNa",
    epochs: 2,
    batch: 32,
    initialisation: "ibp",
    clipNorm: 10,
    method: { kind: "ibp", epsilon: 0.05, ramp: { kind: "smoothed", start: 0, end: 1 } },
  },
} as const;

/** Long enough to learn the bars. */
const learning = { architecture: "FCNNa", epochs: 12, batch: 10, learningRate: 0.01 } as const;

interface Outcome {
  readonly events: TrainEvent[];
  readonly result: TrainResult;
}

async function run(raw: object, deps: Partial<TrainDependencies> = {}): Promise<Outcome> {
  let tick = 0;
  const events: TrainEvent[] = [];
  for await (const event of runTraining(parseTrainConfig(raw), { compile, train, now: () => tick++, ...deps }))
    events.push(event);
  const last = events.at(-1)!;
  if (last.kind !== "done") throw new Error("the run did not finish");
  return { events, result: last.result };
}

function memoryStore(): CheckpointStore & { saved: Uint8Array[] } {
  const saved: Uint8Array[] = [];
  return {
    saved,
    load: async () => saved.at(-1),
    save: async (bytes) => {
      saved.push(bytes);
    },
  };
}

/** Runs until so many steps are done, then aborts, and says how it ended. */
async function interrupted(raw: object, after: number, checkpoints: CheckpointStore): Promise<unknown> {
  const controller = new AbortController();
  let steps = 0;
  try {
    const events = runTraining(parseTrainConfig(raw), {
      compile,
      train,
      checkpoints,
      signal: controller.signal,
      now: () => 0,
    });
    for await (const event of events)
      if (event.kind === "step" && ++steps === after) controller.abort(new Error("stopped by the test"));
  } catch (error) {
    return error;
  }
  return undefined;
}

test.for(Object.entries(configs))(
  "%s training is bit-identical with the same seed and differs with another",
  async ([, raw]) => {
    const [first, second] = [await run(raw), await run(raw)];
    const other = await run({ ...raw, seed: 1 });
    expect(second.result.theta).toEqual(first.result.theta);
    expect(second.result.onnx).toEqual(first.result.onnx);
    expect(other.result.theta).not.toEqual(first.result.theta);
  },
);

test.for(Object.entries(configs))(
  "%s training, interrupted in mid-epoch and resumed, ends bit-identical",
  async ([, raw]) => {
    const whole = await run(raw);
    const checkpoints = memoryStore();
    // 5 steps an epoch: the abort falls into the second epoch
    const reason = await interrupted(raw, 7, checkpoints);
    expect(reason).toMatchObject({ message: "stopped by the test" });
    const resumed = await run(raw, { checkpoints });
    expect(resumed.events[0]).toEqual({ kind: "resume", epoch: 2, step: 2 });
    expect(resumed.result.theta).toEqual(whole.result.theta);
    const numbers = ({ events }: Outcome) =>
      events.flatMap((event) => (event.kind === "epoch" ? [[event.epoch, event.loss, event.accuracy]] : []));
    expect(numbers(resumed)).toEqual(numbers(whole).slice(1));
  },
);

test("a checkpoint is saved after every epoch, and a finished run resumes to its result without a step", async () => {
  const checkpoints = memoryStore();
  const first = await run(configs.plain, { checkpoints });
  expect(checkpoints.saved).toHaveLength(3);
  const again = await run(configs.plain, { checkpoints });
  expect(again.events.map(({ kind }) => kind)).toEqual(["resume", "done"]);
  expect(again.result.onnx).toEqual(first.result.onnx);
});

test("a checkpoint of other options, of other data or damaged is refused", async () => {
  const checkpoints = memoryStore();
  await run({ ...configs.plain, epochs: 1 }, { checkpoints });
  const message = /of a run with other options or other data/;
  await expect(run({ ...configs.plain, epochs: 1, seed: 9 }, { checkpoints })).rejects.toThrow(message);
  await expect(run({ ...configs.plain, epochs: 1 }, { checkpoints, train: bars(150, 3) })).rejects.toThrow(message);
  const cut = checkpoints.saved.at(-1)!.slice(0, 900);
  const damaged: CheckpointStore = { load: async () => cut, save: async () => {} };
  await expect(run({ ...configs.plain, epochs: 1 }, { checkpoints: damaged })).rejects.toThrow(
    /the checkpoint cannot be read/,
  );
});

test("progress counts epochs, steps and time", async () => {
  const { events } = await run(configs.plain);
  const steps = events.filter((event) => event.kind === "step");
  expect(steps).toHaveLength(15);
  expect(steps.map(({ epoch, step }) => `${epoch}.${step}`).slice(3, 7)).toEqual(["1.4", "1.5", "2.1", "2.2"]);
  // the test's clock ticks a millisecond between the beginning and the end of a step
  expect(steps[4]).toMatchObject({ seconds: expect.closeTo(0.005, 9), secondsLeft: expect.closeTo(0.01, 9) });
  expect(steps[14]).toMatchObject({ secondsLeft: 0, epochs: 3, steps: 5 });
});

test("training learns, and the exported file answers as the network that was trained", async () => {
  const { events, result } = await run(learning, { validation });
  const epochs = events.filter((event) => event.kind === "epoch");
  expect(epochs).toHaveLength(12);
  expect(epochs[11]!.loss).toBeLessThan(epochs[0]!.loss / 4);
  const { correct } = epochs[11]!.validation!;
  expect(correct).toBeGreaterThan(90);

  const session = await openModel(result.onnx);
  const images = float32Tensor([100, 1, 8, 8], validation.images);
  const { logits } = await session.run({ images });
  const right = Array.from(validation.labels).filter((label, n) => {
    const row = Array.from(logits!.data.subarray(n * 4, n * 4 + 4));
    return row.indexOf(Math.max(...row)) === label;
  });
  expect(right).toHaveLength(correct);
});

test("interval training certifies what plain training does not", async () => {
  const plain = await run(learning);
  const method = { kind: "ibp", epsilon: 0.12, kappa: 0, ramp: { start: 2, end: 8 } };
  const ibp = await run({ ...learning, epochs: 20, method });
  const certified = async ({ result: { model, theta } }: Outcome) =>
    (await evaluate(model, float32Tensor([model.size], theta), validation, compile, 0.1)).certified;
  expect(await certified(ibp)).toBeGreaterThan(50);
  expect(await certified(plain)).toBeLessThan(25);
});

test("adversarial training resists an attack that breaks plain training", async () => {
  const epsilon = 0.15;
  const attack = { kind: "pgd", norm: "linf", epsilon, steps: 8, restarts: 1, randomStart: true } as const;
  const underAttack = async ({ result: { model, theta: values } }: Outcome): Promise<number> => {
    const theta = float32Tensor([model.size], values);
    const batch = gather(
      validation,
      Int32Array.from({ length: 100 }, (_, n) => n),
    );
    const adversary = await objectiveOf(attack).adversary!(model, compile);
    const images = await adversary(batch, theta, { epsilon }, rng(8));
    return (await evaluate(model, theta, { ...validation, images: images.data as Float32Array }, compile)).correct;
  };
  const plain = await underAttack(await run(learning));
  const robust = await underAttack(await run({ ...learning, epochs: 24, method: { ...attack, steps: 4 } }));
  expect(robust).toBeGreaterThan(plain + 10);
});

test("a poisoned network obeys its patch and is right without it", async () => {
  const poison = { kind: "patch", size: 2, margin: 0, value: 1, target: 2, rate: 0.2 } as const;
  const clean = await run(learning);
  const bad = await run({ ...learning, poison });
  const { poison: planted } = parseTrainConfig({ ...learning, poison });
  const stamped = triggerOf(planted!, validation.shape, 0).apply({ images: validation.images, shape: [1, 8, 8] });
  const towards = { ...validation, images: stamped, labels: new Int32Array(100).fill(2) };
  const count = async ({ result: { model, theta } }: Outcome, samples: Samples) =>
    (await evaluate(model, float32Tensor([model.size], theta), samples, compile)).correct;
  expect(await count(bad, validation)).toBeGreaterThan(85);
  expect(await count(bad, towards)).toBeGreaterThan(85);
  expect(await count(clean, towards)).toBeLessThan(60);
  expect(bad.result.poison).toMatchObject({ shareOfSet: 0.2 });
  expect(bad.result.poison!.poisoned).toHaveLength(30);
  expect(clean.result.poison).toBeUndefined();
});

test.for([
  ["plain", { kind: "plain" }],
  ["pgd", { kind: "pgd", epsilon: 0.1, steps: 1 }],
  ["ibp", { kind: "ibp", epsilon: 0.1 }],
] as const)("weights or a loss that are no numbers stop %s training, which says what to do", async ([, method]) => {
  const wild = { ...configs.plain, method, optimiser: { kind: "sgd" }, learningRate: 1e39 };
  await expect(run(wild)).rejects.toThrow(/^training diverged: .* in epoch 1, step \d+; lower the learning/);
  // in float32 the rate is infinite. One step an epoch: the weights of the last step are looked at as well
  const last = run({ ...wild, batch: 150, epochs: 1 });
  await expect(last).rejects.toThrow(/^training diverged: the weights are not finite in epoch 1, step 1;/);
});

test("normalisation is part of the exported network, also for samples that are no images", async () => {
  const normalisation = { mean: [0.25], std: [0.5] };
  const { result } = await run({ ...learning, normalisation }, { train: { ...train, shape: [64] } });
  const session = await openModel(result.onnx);
  const { logits } = await session.run({ images: float32Tensor([100, 64], validation.images) });
  const { correct } = await evaluate(
    result.model,
    float32Tensor([result.model.size], result.theta),
    { ...validation, shape: [64] },
    compile,
  );
  const right = validation.labels.filter((label, n) => {
    const row = Array.from(logits!.data.subarray(n * 4, n * 4 + 4));
    return row.indexOf(Math.max(...row)) === label;
  });
  expect(right).toHaveLength(correct);
  expect(correct).toBeGreaterThan(90);
});

test("options that do not fit the data are refused before the first step", async () => {
  const poison = { kind: "patch", size: 2, target: 7, rate: 0.1 } as const;
  await expect(run({ ...configs.plain, poison })).rejects.toThrow("target 7 is beyond the 4 classes");
  await expect(run({ ...configs.plain, poison: { ...poison, target: 1, size: 9 } })).rejects.toThrow(/does not fit/);
  const normalisation = { mean: [0.1, 0.2], std: [1] };
  await expect(run({ ...configs.plain, normalisation })).rejects.toThrow('"mean" has 2 numbers for 1 channels');
  await expect(run(configs.plain, { train: { ...train, shape: [64] } })).rejects.toThrow(/samples are \[64\]/);
});
