/**
 * Milliseconds per image of each bound, one thread, alone and in batches, beside the reference implementation's times
 * (../shared/data/reference-bounds/README.md: auto_LiRPA on PyTorch 1.13, one thread of the same kind of machine).
 *
 *     npx tsx bench/bounds.ts [net …]
 *
 * Without that directory the networks of the zoo are measured, without a comparison. Each figure is the minimum over
 * runs (the machine may be shared); CPU time beside wall time shows how far others were in the way.
 */

import { existsSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { readNpz } from "../src/formats/npz.ts";
import { importOnnx } from "../src/formats/onnx/import.ts";
import { type Network, networkOf } from "../src/methods/network.ts";
import { verifiers } from "../src/methods/verify/index.ts";
import { rng } from "../src/random/rng.ts";
import { createRuntime } from "../src/runtime/node.ts";
import { type Batch, classification } from "../src/spec/classification.ts";
import { sliceQueries } from "../src/spec/queries.ts";
import type { Arithmetic } from "../src/spec/types.ts";

const REFERENCE = "../shared/data/reference-bounds";

/** Milliseconds per image, alone and at a large batch. */
const THEIRS: Readonly<Record<string, Readonly<Record<string, readonly [number, number]>>>> = {
  mnist_fc_256x2: { ibp: [0.88, 0.027], "crown-ibp": [2.5, 0.11], crown: [3.9, 3.8] },
  mnist_cnn_a_adv: { ibp: [1.04, 0.064], "crown-ibp": [2.8, 0.61], crown: [6.7, 6.9] },
  cifar_cnn_a_mix: { ibp: [1.3, 0.14], "crown-ibp": [2.8, 0.65], crown: [17.6, 19.6] },
  oval_base: { ibp: [1.5, 0.07], "crown-ibp": [5.3, 0.49], crown: [11.7, 14.8] },
};

interface Case {
  readonly name: string;
  readonly network: Network;
  readonly batch: Batch;
}

function referenceCase(name: string): Case {
  const arrays = readNpz(readFileSync(`${REFERENCE}/${name}.npz`));
  const { graph } = importOnnx(readFileSync(`${REFERENCE}/${name}.onnx`), { fileName: name });
  const network = networkOf(graph, name);
  // the middle set of boxes
  const sets = [...arrays.keys()].filter((key) => key.endsWith("__xL"));
  const set = sets[Math.floor(sets.length / 2)]!.slice(0, -4);
  const floats = (key: string) => Float32Array.from(arrays.get(key)!.data as Iterable<number>);
  const labels = Int32Array.from(Array.from(arrays.get("y")!.data as Iterable<bigint | number>, Number));
  const images = {
    dtype: "float",
    shape: [labels.length, ...(network.input.shape.slice(1) as number[])],
    data: floats("x"),
  } as const;
  const box = { lower: floats(`${set}__xL`), upper: floats(`${set}__xU`) };
  return { name: `${name} ${set}`, network, batch: { images, labels, box } };
}

function zooCase(name: string): Case {
  const { graph } = importOnnx(readFileSync(`zoo/${name}.onnx`), { fileName: name });
  const network = networkOf(graph, name);
  const shape = [32, ...(network.input.shape.slice(1) as number[])];
  const data = new Float32Array(shape.reduce((x, y) => x * y, 1));
  rng(1).fillUniform(data, 0, 1);
  return { name, network, batch: { images: { dtype: "float", shape, data }, labels: new Int32Array(32) } };
}

const runtime = createRuntime();

/** Best wall and CPU milliseconds of a run. */
async function best(run: () => Promise<unknown>, repeats: number): Promise<{ wall: number; cpu: number }> {
  for (let i = 0; i < 3; i++) await run();
  let [wall, cpu] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let i = 0; i < repeats; i++) {
    const [before, start] = [process.cpuUsage(), performance.now()];
    await run();
    wall = Math.min(wall, performance.now() - start);
    const { user, system } = process.cpuUsage(before);
    cpu = Math.min(cpu, (user + system) / 1000);
  }
  return { wall, cpu };
}

const figure = (value: number) => value.toFixed(value < 1 ? 3 : 2).padStart(8);

async function measure({ name, network, batch }: Case): Promise<void> {
  const theirs = THEIRS[name.split(" ")[0]!];
  for (const verifier of verifiers)
    for (const arithmetic of ["real", "float32"] satisfies Arithmetic[]) {
      const threat = { norm: "linf", epsilon: 0.05, domain: [0, 1] } as const;
      await using prepared = await verifier.prepare(network, runtime, { norm: threat.norm, arithmetic });
      const all = classification(network, batch, threat);
      const one = sliceQueries(all, 0, 1);
      const count = batch.labels.length;
      const alone = await best(() => prepared.bounds(one), 40);
      const many = await best(() => prepared.bounds(all), 6);
      const reference = theirs?.[verifier.id];
      const ratio = reference
        ? ` | ratio ${figure(alone.wall / reference[0])} ${figure(many.wall / count / reference[1])}`
        : "";
      console.log(
        `${name.padEnd(30)} ${verifier.id.padEnd(10)} ${arithmetic.padEnd(8)} alone ${figure(alone.wall)} (cpu ${figure(alone.cpu)})` +
          ` | batch of ${count} ${figure(many.wall / count)} (cpu ${figure(many.cpu / count)})${ratio}`,
      );
    }
}

async function main(): Promise<void> {
  console.log(`${cpus()[0]?.model}, node ${process.version}; milliseconds per image; ratio = ours / reference`);
  const present = existsSync(REFERENCE);
  const names =
    process.argv.length > 2 ? process.argv.slice(2) : present ? Object.keys(THEIRS) : ["mnist-cnna-clean", "mnist-mlp"];
  for (const name of names) await measure(THEIRS[name] && present ? referenceCase(name) : zooCase(name));
  await runtime[Symbol.asyncDispose]();
}

await main();
