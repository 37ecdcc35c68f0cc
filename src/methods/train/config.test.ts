import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseTrainConfig } from "./config.ts";

const minimal = { architecture: "CNNa", epochs: 2 };

test("defaults are filled in", () => {
  const config = parseTrainConfig(minimal);
  expect(config).toMatchObject({
    data: "mnist:train",
    batch: 128,
    method: { kind: "plain" },
    optimiser: { kind: "adam", beta1: 0.9, weightDecay: 0 },
    seed: 0,
  });
});

test("epsilon may be a fraction", () => {
  const { method } = parseTrainConfig({ ...minimal, method: { kind: "ibp", epsilon: "8/255" } });
  expect(method).toMatchObject({ epsilon: 8 / 255, kappa: 0.5 });
});

test.for([
  [{ ...minimal, epoch: 3 }, /options: unknown "epoch"; known are name, architecture/],
  [{ ...minimal, architecture: "CNNz" }, /architecture: .*FCNNa/],
  [
    { ...minimal, architecture: { file: "a.onnx" } },
    /architecture: is one of FCNNa, .*{ "onnx": FILE } to go on .*or { "like": FILE }/,
  ],
  [{ ...minimal, epochs: 0 }, /epochs: /],
  [{ architecture: "CNNa" }, /epochs: /],
  [{ ...minimal, method: { kind: "ibp" } }, /method\.epsilon: /],
  [{ ...minimal, method: { kind: "ibp", epsilon: -0.1 } }, /method\.epsilon: /],
  [{ ...minimal, method: { kind: "ibp", epsilon: "8/0" } }, /method\.epsilon: must be finite/],
  [{ ...minimal, method: { kind: "magic" } }, /method\.kind: /],
  [{ ...minimal, method: { kind: "ibp", epsilon: 0.1, ramp: { start: 5, end: 2 } } }, /a ramp ends after it starts/],
  [
    { ...minimal, poison: { kind: "patch", sise: 3 } },
    /poison: unknown "sise"; known are kind, target, rate, mapping, margin/,
  ],
  [{ ...minimal, poison: { kind: "warp", rate: 0.1 } }, /poison\.kind: is one of patch, checkerboard, .*bpp$/],
  [{ ...minimal, poison: "patch" }, /poison: /],
  [{ ...minimal, poison: { kind: "patch" } }, /poison\.rate: /],
  [{ ...minimal, poison: { kind: "sig", rate: 1, mapping: "all-to-all" } }, /poison\.mapping: sig keeps labels/],
  [{ ...minimal, poison: { kind: "patch", rate: 0.1, target: 2, source: 2 } }, /poison\.source: .*another/],
  [{ ...minimal, seed: 1.5 }, /seed: /],
  ["CNNa", /options: /],
] as const)("wrong options are refused in one line that names the place: %j", ([raw, message]) => {
  expect(() => parseTrainConfig(raw)).toThrow(message);
  try {
    parseTrainConfig(raw);
  } catch (error) {
    expect((error as Error).message).not.toContain("\n");
  }
});

test("the recipes of the zoo and of docs/training.md are valid", () => {
  const recipes = readdirSync("zoo/recipes").map((file) => readFileSync(`zoo/recipes/${file}`, "utf8"));
  const documented = /```json\n([^`]*)```/.exec(readFileSync("docs/training.md", "utf8"))![1]!;
  for (const recipe of [...recipes, documented]) expect(() => parseTrainConfig(JSON.parse(recipe))).not.toThrow();
  expect(recipes.length).toBeGreaterThanOrEqual(5);
});
