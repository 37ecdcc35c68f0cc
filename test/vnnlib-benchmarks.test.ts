/** @file Every query of the competition's benchmarks is read. */

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readVnnLib } from "../src/formats/vnnlib/read.ts";
import { DATA, dataFile, missing } from "./support/data.ts";

const FOLDER = "no-explicit-licence/vnncomp";

/** Files, and elements of the inputs and outputs that they declare (those of the last file). */
const CATEGORIES: Readonly<Record<string, readonly [files: number, inputs: number, outputs: number]>> = {
  acasxu: [10, 5, 5],
  cifar10_resnet: [72, 3072, 10],
  collins_rul_cnn: [41, 800, 1],
  dist_shift: [72, 792, 10],
  eran: [72, 784, 10],
  mnist_fc: [30, 784, 10],
  oval21: [30, 3072, 10],
  reach_prob_density: [36, 3, 3],
  rl_benchmarks: [296, 8, 4],
  test: [4, 1, 1],
  tllverifybench: [32, 2, 1],
  verivital: [60, 784, 10],
  vit: [200, 3072, 10],
};

const filesOf = (category: string): string[] =>
  existsSync(join(DATA, FOLDER, category))
    ? readdirSync(join(DATA, FOLDER, category), { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".vnnlib.gz"))
        .toSorted()
        .map((name) => `${FOLDER}/${category}/${name}`)
    : [];

/** Of pictures, the files of a category differ in numbers alone: some of them are read. */
const LARGE = 10;

for (const [category, [count, inputs, outputs]] of Object.entries(CATEGORIES)) {
  const reason = missing(`${FOLDER}/${category}`);
  test.skipIf(reason)(`the queries of ${category} are read${reason ? ` (${reason})` : ""}`, () => {
    const files = filesOf(category);
    expect(files.length).toBe(count);
    const read = inputs > 500 && process.env["ALL_VNNLIB"] === undefined ? files.slice(-LARGE) : files;
    const sizes = read.map((file) => {
      const { networks, formula } = readVnnLib(dataFile(file), file);
      expect(formula).toMatchObject({ kind: "and" });
      return networks[0]!.variables.map(({ size }) => size);
    });
    expect(sizes.at(-1)).toEqual([inputs, outputs]);
  });
}
