/** @file Which of ten digits keep their class whatever happens to their pixels within 0.02? */

import {
  classification,
  createRuntime,
  float32Tensor,
  loadDataset,
  loadModel,
  networkOf,
  verdictOf,
  verifierOf,
} from "assay";

const { graph, sha256 } = await loadModel("zoo/mnist-mlp.onnx");
const { images, labels } = await loadDataset("mnist", { limit: 10 });
const digits = float32Tensor(
  [10, 1, 28, 28],
  images.map((byte) => byte / 255),
);
const threat = { norm: "linf", epsilon: 0.02, domain: [0, 1] } as const;
await using runtime = createRuntime();
const network = networkOf(graph, sha256);
await using crown = await verifierOf("crown").prepare(network, runtime, { norm: threat.norm });
const queries = classification(network, { images: digits, labels: labels! }, threat);
const bounds = await crown.bounds(queries);
for (const [i, label] of labels!.entries()) console.log(label, verdictOf(queries, bounds, i));
