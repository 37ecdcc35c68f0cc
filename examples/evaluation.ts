/** @file How well detectors find a patch in small networks that read digits: a small `assay bench backdoor`. */

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { evaluate, openStudy, parseEvaluation } from "assay";

const clean = {
  name: "clean digits",
  train: { architecture: "FCNNa", data: "mnist:train", limit: 500, epochs: 3, batch: 20, learningRate: 0.01 },
  scan: { data: "mnist:test", images: 50 },
  clean: 2,
  detectors: ["titration", "last-layer"],
};
const patch = { name: "patch", count: 2, poison: { kind: "patch", rate: 0.1 } };
const recipes: Readonly<Record<string, unknown>> = {
  clean,
  judged: { ...clean, name: "judged digits", seed: 100, backdoored: [patch] },
};
const tasks = [{ name: "digits", dataset: "MNIST", reference: "clean", evaluation: "judged" }];
const config = await parseEvaluation({ name: "a patch", json: { tasks } }, (name) => ({ name, json: recipes[name] }));

await using study = openStudy(mkdtempSync(join(tmpdir(), "digits-")), { workers: 2 });
const about = { command: "examples/evaluation.ts", config: "a patch" };
const { file } = await evaluate(config, { ...study, about });
for (const { id, family, outcomes } of file.models)
  console.log(id, family ?? "clean", outcomes["titration"]?.pValue, outcomes["last-layer"]?.pValue);
