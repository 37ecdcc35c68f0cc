/** @file A hundred digits as `assay certify` examines them: on threads, with an attack against the proofs, and progress. */

import { certify, countingProgress, examineFile, verifierOf } from "assay";

const progress = countingProgress(({ what, done, total }) => console.error(`${what}: ${done} of ${total}`));
await using digits = await examineFile("zoo/mnist-cnna-ibp.onnx", { data: "mnist", limit: 100, progress });
// a SoundnessAlarm is thrown where an input is proved and falsified at once
const { file } = await certify(digits, { epsilon: 0.1, verifiers: [verifierOf("ibp"), verifierOf("crown")] });
const { certified, falsified, unknown } = file.counts;
console.log(`${certified} certified, ${falsified} falsified, ${unknown} unknown`);
for (const { index, verdict, margin } of file.results) console.log(index, verdict, margin);
