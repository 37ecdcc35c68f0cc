/** @file The models that bench/audited-models.ts audits: where they lie or how they are made, and what is known of each. */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { loadDataset } from "../src/data/files.ts";
import { writeNpz } from "../src/formats/npz.ts";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import { importOnnx } from "../src/formats/onnx/import.ts";
import { networkOf } from "../src/methods/network.ts";
import { samplesOf } from "../src/methods/samples.ts";
import { parseTrainConfig } from "../src/methods/train/config.ts";
import { trainedGraph } from "../src/methods/train/model.ts";
import { runTraining, type TrainDependencies } from "../src/methods/train/train.ts";
import { trainable } from "../src/methods/train/trainable.ts";
import { rng } from "../src/random/rng.ts";
import { compile } from "../src/runtime/node.ts";
import { builtOf } from "../test/support/built.ts";
import { gratingArrays, resnet18 } from "../test/support/resnet18.ts";

export const ROOT = resolve(import.meta.dirname, "..");
/** The command line as JavaScript, as packages have it. */
export const PROGRAM = builtOf(join(ROOT, "test/support/assay.ts"));
const SHARED = resolve(ROOT, "../shared/data");
const ROBUST = `${SHARED}/robust-models`;
const COMPETITION = `${SHARED}/no-explicit-licence/vnncomp`;
const MNIST = `${SHARED}/mnist/t10k-images-idx3-ubyte.gz`;
const MNIST_TRAIN = `${SHARED}/mnist/train-images-idx3-ubyte.gz`;
const CIFAR = `${SHARED}/cifar10-exact-subset/test_subset.bin.gz`;
const BADNET = `${SHARED}/backdoor/verazuo-badnets/onnx/badnet-MNIST.onnx`;
const CNN_A = `${ROBUST}/alpha-beta-CROWN/onnx/cifar_cnn_a_adv.onnx`;
/** No model of CIFAR-10 here claims more; by default an audit asks for 90%. */
const CIFAR_GATE = ["--min-accuracy", "0.5"];

export interface Audited {
  readonly model: string;
  readonly data: string;
  readonly options?: readonly string[];
}

export interface Source {
  /** What is known of it, for the page. */
  readonly about: string;
  readonly tampered: boolean;
  /** @param folder for what has to be made first */
  make(folder: string): Audited | Promise<Audited>;
}

const zoo = (name: string, about: string, tampered = false): Source => ({
  about,
  tampered,
  make: () => ({ model: `${ROOT}/zoo/${name}.onnx`, data: "mnist" }),
});

const published = (model: string, data: string, about: string, tampered = false): Source => ({
  about,
  tampered,
  make: () => ({ model, data }),
});

const normalised = (mean: string, std: string): string[] => ["--mean", mean, "--std", std];

const competition = (path: string, about: string, options: readonly string[]): Source => ({
  about,
  tampered: false,
  make(folder) {
    const [from, model] = [`${COMPETITION}/${path}.gz`, join(folder, "model.onnx")];
    if (!existsSync(from)) return { model: from, data: CIFAR };
    writeFileSync(model, gunzipSync(readFileSync(from)));
    return { model, data: CIFAR, options: [...options, ...CIFAR_GATE] };
  },
});

const cnnA = (about: string, options: readonly string[]): Source => ({
  about,
  tampered: false,
  make: () => ({ model: CNN_A, data: CIFAR, options: [...options, ...CIFAR_GATE] }),
});

/** Writes the trained model. */
async function trained(
  folder: string,
  recipe: Readonly<Record<string, unknown>>,
  given: Partial<TrainDependencies> & Pick<TrainDependencies, "train">,
): Promise<string> {
  const to = join(folder, "model.onnx");
  const terms = { compile, now: () => performance.now(), ...given };
  for await (const event of runTraining(parseTrainConfig(recipe), terms))
    if (event.kind === "done") writeFileSync(to, event.result.onnx);
  return to;
}

/** The architecture of the backdoored network with weights drawn anew (He's variance), trained on the same digits as they are. */
async function cleanTwin(folder: string): Promise<Audited> {
  if (!existsSync(BADNET)) return { model: BADNET, data: MNIST };
  const { model, theta } = trainable(networkOf(importOnnx(readFileSync(BADNET)).graph, "badnet"), "badnet");
  const random = rng(1);
  for (const { name, shape, offset, size } of model.parameters) {
    const isConv = shape.length === 4 && shape[0] !== 1;
    const fan = shape.length < 2 || shape[0] === 1 ? 0 : isConv ? shape.slice(1).reduce((a, b) => a * b, 1) : shape[0]!;
    const part = theta.subarray(offset, offset + size);
    if (fan === 0) part.fill(0);
    else random.split(name).fillNormal(part, 0, Math.sqrt(2 / fan));
  }
  const pretrained = networkOf(trainedGraph(model, theta), "drawn");
  const train = samplesOf(await loadDataset(MNIST_TRAIN, { split: "train", limit: 6000 }));
  const recipe = { architecture: { onnx: "drawn" }, epochs: 3, batch: 64 };
  return { model: await trained(folder, recipe, { train, pretrained }), data: MNIST };
}

/** Sizes, places and moments of the ink of digits, as columns with names: rows of another table than the trained one's. */
const COLUMNS = ["ink", "left", "right", "top", "bottom", "x", "y", "xx", "yy", "xy", "cross9", "cross14", "cross19"];

function measuresOf(pixels: Float32Array, side: number): number[] {
  let [ink, x, y, left, right, top, bottom] = [0, 0, 0, side, 0, side, 0];
  const at = (row: number, column: number) => pixels[row * side + column]! / 255;
  const each = (visit: (value: number, row: number, column: number) => void) => {
    for (let row = 0; row < side; row++)
      for (let column = 0; column < side; column++) visit(at(row, column), row, column);
  };
  each((value, row, column) => {
    ink += value;
    x += value * column;
    y += value * row;
    if (value < 0.5) return;
    [left, right] = [Math.min(left, column), Math.max(right, column)];
    [top, bottom] = [Math.min(top, row), Math.max(bottom, row)];
  });
  [x, y] = [x / ink, y / ink];
  let [xx, yy, xy] = [0, 0, 0];
  each((value, row, column) => {
    xx += (value * (column - x) ** 2) / ink;
    yy += (value * (row - y) ** 2) / ink;
    xy += (value * (column - x) * (row - y)) / ink;
  });
  const crossings = [9, 14, 19].map((row) => {
    let count = 0;
    for (let column = 1; column < side; column++) if (at(row, column) >= 0.5 !== at(row, column - 1) >= 0.5) count++;
    return count;
  });
  return [ink, left, right, top, bottom, x, y, xx, yy, xy, ...crossings];
}

async function table(folder: string): Promise<Audited> {
  const rowsOf = async (digits: string, limit: number) => {
    const { images, labels, shape } = await loadDataset(digits, { limit });
    const size = shape.reduce((a, b) => a * b, 1);
    const measures = (i: number) => measuresOf(images.subarray(i * size, (i + 1) * size), shape[1]!);
    return { rows: Array.from(labels!, (_, i) => measures(i)), labels: labels! };
  };
  const known = await rowsOf("mnist:train", 8000);
  const train = {
    images: Float32Array.from(known.rows.flat()),
    shape: [COLUMNS.length],
    labels: known.labels,
    classes: 10,
  };
  const normalisation = { mean: [15], std: [15] };
  const recipe = {
    architecture: "FCNNb",
    epochs: 30,
    batch: 64,
    learningRate: 0.002,
    initialisation: "he",
    normalisation,
  };
  const model = await trained(folder, { ...recipe, schedule: { kind: "cosine" } }, { train });
  const fresh = await rowsOf("mnist:test", 2000);
  const data = join(folder, "rows.csv");
  const lines = fresh.rows.map((row, i) => [...row.map((v) => v.toFixed(3)), fresh.labels[i]].join());
  writeFileSync(data, [[...COLUMNS, "label"].join(), ...lines, ""].join("\n"));
  return { model, data };
}

async function large(folder: string): Promise<Audited> {
  const [model, data] = [join(folder, "resnet18.onnx"), join(folder, "gratings.npz")];
  writeFileSync(model, exportOnnx(await resnet18()));
  writeFileSync(data, writeNpz(gratingArrays(60, 5)));
  return { model, data };
}

const TRANSFORMER = normalised("0.4914,0.4822,0.4465", "0.2023,0.1994,0.201");
const ROBUSTLY = "trained with PGD against changes of 2/255; it wants mean 0.485,0.456,0.406 and std 0.225";

export const SOURCES: Readonly<Record<string, Source>> = {
  "mnist-mlp": zoo("mnist-mlp", "bundled: three dense layers, trained as usual on the bundled digits"),
  "mnist-cnna-clean": zoo("mnist-cnna-clean", "bundled: a small convolutional network, trained as usual"),
  "mnist-cnna-badnets": zoo(
    "mnist-cnna-badnets",
    "bundled: the same with a backdoor, a patch of 4 × 4 to class 7",
    true,
  ),
  "mnist-cnna-ibp": zoo("mnist-cnna-ibp", "bundled: the same, trained for certification by IBP"),
  convex_adversarial: published(
    `${ROBUST}/convex_adversarial/onnx/mnist.onnx`,
    MNIST,
    "Wong and Kolter's MNIST network, trained for certification at 0.1; published: error 1.8%, at most 5.8% at 0.1",
  ),
  RSL18a: published(
    `${ROBUST}/MIPVerify_data/onnx/RSL18a.onnx`,
    MNIST,
    "Raghunathan's 784-500-10 for MNIST, trained for certification at 0.1; published: error 4.2%, 11.5% under PGD",
  ),
  "verazuo-badnets": published(BADNET, MNIST, "a published BadNets network, a white patch of 5 × 5 to class 1", true),
  "verazuo-badnets, clean": {
    about: "its architecture with weights drawn anew, trained as usual on 6,000 digits of MNIST",
    tampered: false,
    make: cleanTwin,
  },
  "cnn_a, not normalised": cnnA(
    `a CIFAR-10 network of 4 layers, ${ROBUSTLY}; here it is fed [0, 1], and the audit told to go on all the same`,
    ["--force"],
  ),
  "cnn_a, normalised": cnnA("the same, fed as it was trained", normalised("0.485,0.456,0.406", "0.225,0.225,0.225")),
  resnet_2b: competition(
    "cifar10_resnet/onnx/resnet_2b.onnx",
    "a residual network of VNN-COMP 2021 for CIFAR-10, trained for robustness",
    normalised("0.4914,0.4822,0.4465", "0.247,0.2435,0.2616"),
  ),
  "vision transformer": competition(
    "vit/onnx/pgd_2_3_16.onnx",
    "a PyTorch export of VNN-COMP 2023 for CIFAR-10: patches of 16 pixels, two blocks of attention with three heads, trained with PGD",
    TRANSFORMER,
  ),
  "vision transformer, finer": competition(
    "vit/onnx/ibp_3_3_8.onnx",
    "another of these: patches of 8 pixels, three blocks, trained with IBP",
    TRANSFORMER,
  ),
  "table of measures": {
    about:
      "13 measures of handwritten digits (sizes, moments, crossings) as columns of a CSV file; three dense layers, trained as usual",
    tampered: false,
    make: table,
  },
  "ResNet-18 at 224": {
    about:
      "ResNet-18 on 60 pictures of 224 × 224, 1000 classes; convolutions as drawn, the last layer takes the class nearest in features",
    tampered: false,
    make: large,
  },
};
