/** @file Attacks ten digits, and believes the attack only as far as the model file itself confirms it. */

import {
  attackOf,
  createRuntime,
  float32Tensor,
  loadDataset,
  loadModel,
  networkOf,
  openModel,
  originalOf,
  recheck,
} from "assay";

const model = await loadModel("zoo/mnist-mlp.onnx");
const network = networkOf(model.graph, model.sha256);
const dataset = await loadDataset("mnist", { limit: 10 });
const pixels = dataset.images.map((byte) => byte / 255);
const labels = dataset.labels!;
const threat = { norm: "linf", epsilon: 0.1, domain: [0, 1] } as const;

await using runtime = createRuntime();
await using pgd = await attackOf("pgd").prepare(network, runtime, { threat, seed: 0 });
const attempts = await pgd.attack({
  images: float32Tensor([10, 1, 28, 28], pixels),
  labels,
  indices: dataset.indices,
});

await using session = await openModel(model.bytes);
const claims = attempts.flatMap(({ success, adversarial: point }, i) =>
  success ? [{ point, centre: pixels.slice(784 * i, 784 * (i + 1)), label: labels[i]! }] : [],
);
for (const [i, check] of (await recheck(originalOf(session, network), threat, claims)).entries()) {
  const { holds, predicted, distance } = check;
  console.log(`a ${claims[i]!.label} taken for a ${predicted}, ${distance.toFixed(3)} away: ${holds ? "holds" : "no"}`);
}
