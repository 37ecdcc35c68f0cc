/** @file Does noise pull a network towards one class, further than it pulls clean networks of its kind? */

import { readFileSync } from "node:fs";
import {
  architectureHash,
  createRuntime,
  dataFacts,
  decide,
  detect,
  detectorOf,
  detectorRandom,
  float32Tensor,
  geometryOf,
  loadDataset,
  loadModel,
  matchPopulation,
  networkOf,
  readPopulation,
  rng,
  sample,
  samplesOf,
  weightScales,
} from "assay";

const reference = readPopulation(JSON.parse(readFileSync("zoo/populations/mnist-cnna.json", "utf8")));
// scores can be compared only where the model sees what the clean networks saw
const { data, images: count, seed } = reference.scan;
const drawn = sample(await loadDataset(data), count, rng(seed).split("sample"));
const { images, labels, shape, classes } = samplesOf(drawn);
const inputs = { images: float32Tensor([count, ...shape], images), labels };
const geometry = geometryOf(shape, "NCHW");

const model = await loadModel("zoo/mnist-cnna-badnets.onnx");
const network = networkOf(model.graph, model.sha256);
const match = matchPopulation(reference, {
  shape,
  classes,
  architecture: architectureHash(network.graph),
  weightScales: weightScales(network.graph),
  data: dataFacts(data, inputs, geometry),
  images: count,
});
if (match.kind !== "matches") throw new Error(match.reason);

await using runtime = createRuntime();
const detector = detectorOf("titration");
const detection = await detect(detector, {
  network,
  runtime,
  classes,
  inputShape: shape,
  geometry,
  domain: [0, 1],
  inputs,
  training: undefined,
  random: detectorRandom(seed, detector.id),
});
const { flagged, target, reason } = decide({ detections: [{ detector, detection }], reference });
console.log(flagged ? `suspected: class ${target}` : "nothing suspected", reason);
