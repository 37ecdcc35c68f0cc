/** @file A suspicious network audited in at most three minutes, and what follows from it. */

import { auditFile, gateProfiles, reportOf } from "assay";

const audited = await auditFile("zoo/mnist-mlp.onnx", { data: "mnist", limit: 200, epsilons: [0.05], budget: 180 });
const { decision, findings } = reportOf(audited, {
  created: "2026-01-01T00:00:00Z",
  command: "examples/audit.ts",
  gate: gateProfiles.robust,
});
console.log(decision.kind, decision.headline);
for (const { question, answer } of decision.answers) console.log(question, answer);
for (const { evidence, title } of findings) console.log(evidence, title);
