import { afterAll, expect, test } from "vitest";
import { loadDataset } from "../../../data/files.ts";
import { rng } from "../../../random/rng.ts";
import { createRuntime } from "../../../runtime/node.ts";
import { loadModel } from "../../../runtime/node-model.ts";
import { networkOf } from "../../network.ts";
import { parseOptions } from "../../options.ts";
import { detect, type Material } from "../types.ts";
import { titration } from "./index.ts";
import { SALT_SHARES, SIGMAS, type TitrationCurve } from "./types.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

async function subject(path: string): Promise<Material> {
  const network = networkOf((await loadModel(path)).graph, path);
  const { images, labels } = await loadDataset("mnist:test", { limit: 200 });
  const data = Float32Array.from(images, (value) => value / 255);
  return {
    network,
    runtime,
    classes: 10,
    inputShape: [1, 28, 28],
    geometry: { channels: 1, height: 28, width: 28, layout: "NCHW" },
    domain: [0, 1],
    inputs: { images: { dtype: "float", shape: [200, 1, 28, 28], data }, labels: Int32Array.from(labels!) },
    training: undefined,
    random: rng(1).split("titration"),
  };
}

test("the zoo's backdoor leads noise to its target, with digits and without; the clean network is led less", async () => {
  const clean = await subject("zoo/mnist-cnna-clean.onnx");
  const backdoored = await subject("zoo/mnist-cnna-badnets.onnx");
  const [of, led] = [await detect(titration, clean), await detect(titration, backdoored)];
  expect(led.target).toBe(7);
  expect(led.score).toBeGreaterThan(3 * of.score!);
  expect(led.flagged).toBeNull();
  expect(led.reason).toMatch(/are high-confidence errors, mostly as class 7 .*only a reference population can tell/);
  const alone = await detect(titration, { ...backdoored, inputs: undefined });
  expect(alone.target).toBe(7);
  expect(alone.reason).toMatch(/pictures of noise, .* get the same answer/);
  expect(alone.score).toBeGreaterThan((await detect(titration, { ...clean, inputs: undefined })).score!);
});

test("a grid of one's own is titrated, with the same answers at the intensities that it shares; a mad one is refused", async () => {
  const material = { ...(await subject("zoo/mnist-mlp.onnx")), domain: undefined };
  const curveOf = async (detector: typeof titration) =>
    (await detect(detector, material)).evidence["curves"] as unknown as readonly TitrationCurve[];
  const [standard] = await curveOf(titration);
  const [own] = await curveOf(titration.with({ sigmas: "0 0.4 1" }));
  expect(own!.grid).toEqual([0, 0.4, 1]);
  expect(own!.points).toEqual(standard!.points.filter(({ sigma }) => own!.grid.includes(sigma)));
  expect(titration.parts(material)).toEqual([{ sigmas: SIGMAS, shares: SALT_SHARES }]);
  for (const sigmas of ["", "0.4 1", "0 1 0.4", "0 0.1", "0 x"])
    await expect(parseOptions(titration, { sigmas })).rejects.toThrow(/titration: sigmas=.*rise from 0/);
  await expect(parseOptions(titration, { saltShares: "0 0.2 2" })).rejects.toThrow(/at most 1/);
});

test("the evidence is plain data that survives JSON, with every curve and its scores", async () => {
  const { evidence, score } = await detect(titration, await subject("zoo/mnist-cnna-badnets.onnx"));
  expect(JSON.parse(JSON.stringify(evidence))).toEqual(evidence);
  const { scores } = evidence as { scores: object };
  expect(Object.keys(scores)).toEqual([
    "real-gaussian-clipped",
    "real-gaussian-unclipped",
    "real-salt-and-pepper-clipped",
    "noise-gaussian-clipped",
    "noise-gaussian-unclipped",
  ]);
  expect(evidence).toMatchObject({
    scores: { "real-gaussian-clipped": { jointAreas: [expect.any(Number), expect.any(Number), score] } },
    bands: { jointArea: [expect.any(Number), expect.any(Number)] },
    tempered: { temperature: expect.any(Number), jointArea: expect.any(Number) },
  });
});
