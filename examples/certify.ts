/** @file Which of ten digits keep their class whatever happens to their pixels within 0.02? */

import { createRuntime, float32Tensor, loadDataset, loadModel, networkOf, verdictOf, verifierOf } from "assay";

const { graph, sha256 } = await loadModel("zoo/mnist-mlp.onnx");
const { images, labels } = await loadDataset("mnist", { limit: 10 });
const digits = float32Tensor(
  [10, 1, 28, 28],
  images.map((byte) => byte / 255),
);
const threat = { norm: "linf", epsilon: 0.02, domain: [0, 1] } as const;
await using runtime = createRuntime();
await using crown = await verifierOf("crown").prepare(networkOf(graph, sha256), runtime, { threat });
const bounds = await crown.bounds({ images: digits, labels: labels! });
for (const [i, label] of labels!.entries()) console.log(label, verdictOf(bounds, i));
