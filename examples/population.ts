/** @file Four small networks that read digits, two of them backdoored, trained and scanned as `assay population` does. */

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStudy, parsePopulationRecipe, populate } from "assay";

const recipe = parsePopulationRecipe({
  name: "small digits",
  train: { architecture: "FCNNa", data: "mnist:train", limit: 2000, epochs: 6, batch: 20, learningRate: 0.01 },
  scan: { data: "mnist:test", images: 50 },
  clean: 2,
  backdoored: [{ name: "patch", count: 2, poison: { kind: "patch", rate: 0.1 } }],
  detectors: ["titration"],
});
const folder = mkdtempSync(join(tmpdir(), "digits-"));
await using study = openStudy(folder, { workers: 2 });
// the models and population.json are in the folder then
const { population } = await populate(recipe, study);
for (const { id, accepted, scans } of population.members)
  console.log(join(folder, "models", `${id}.onnx`), accepted, scans);
