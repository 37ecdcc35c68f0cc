/** @file Is a backdoor planted in a network? As `assay backdoor` searches: on threads, against clean networks of its kind. */

import { countingProgress, detectorOf, searchFile } from "assay";

const progress = countingProgress(({ what, done, total }) => console.error(`${what}: ${done} of ${total}`));
const { file } = await searchFile("zoo/mnist-cnna-badnets.onnx", {
  data: "mnist",
  images: 100,
  detectors: [detectorOf("titration"), detectorOf("last-layer")],
  progress,
});
// a verdict is suspicion with a known rate of false alarms, or none: never a proof
const { flagged, target, reason } = file.verdict;
console.log(flagged === null ? "undecided" : flagged ? `suspected: class ${target}` : "not flagged", reason);
for (const { name, flagged, pValue, target } of file.detectors) console.log(name, flagged, pValue, target);
