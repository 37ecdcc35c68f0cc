/** @file The architectures that recipes name, as a family: what tables say of them. */

import { defineFamily } from "../family.ts";
import type { MethodDescription } from "../method.ts";
import { ARCHITECTURE_NAMES, ARCHITECTURES, type ArchitectureName, type Layer } from "./architectures.ts";

function layerText(layer: Layer): string {
  switch (layer.kind) {
    case "conv":
      return `${layer.filters} filters ${layer.kernel}×${layer.kernel}${layer.stride > 1 ? ` stride ${layer.stride}` : ""}`;
    case "dense":
      return `dense ${layer.units}`;
    case "residual":
      return `residual ${layer.filters}${layer.stride > 1 ? ` stride ${layer.stride}` : ""}`;
    case "pool":
      return "mean over positions";
    default:
      throw new Error(`unreachable: ${layer satisfies never}`);
  }
}

/** Hidden layers in order; equal neighbours counted. */
function summaryOf(name: ArchitectureName): string {
  const runs: { text: string; count: number }[] = [];
  for (const text of ARCHITECTURES[name].map(layerText)) {
    const last = runs.at(-1);
    if (last?.text === text) last.count++;
    else runs.push({ text, count: 1 });
  }
  return `${runs.map(({ text, count }) => (count > 1 ? `${count} × ${text}` : text)).join(", ")}, then one unit a class.`;
}

const TABLE = "Li et al. 2020, arXiv:2009.04131, table of architectures";
const SOURCES: readonly (readonly [start: string, source: string])[] = [
  ["ResNet", "after He et al. 2016, arXiv:1512.03385, without batch normalisation"],
  ["FCNN", TABLE],
  ["CNN", TABLE],
  ["", "two dense hidden layers"],
];

export const architectureFamily = defineFamily<MethodDescription>({
  id: "architecture",
  verb: "train",
  noun: "architecture",
  about: "architectures are the networks that recipes name; a recipe may also go on from an ONNX file",
  methods: ARCHITECTURE_NAMES.map((name) => ({
    id: name,
    version: 1,
    title: name,
    summary: summaryOf(name),
    source: SOURCES.find(([start]) => name.startsWith(start))![1],
  })),
  standard: [],
  schema: (_, z) => z.strictObject({}),
  use: ({ id }) => `"architecture": "${id}" in a recipe of assay train`,
  pages: "training.md",
  home: "train/architectures.ts",
  scope: { name: "layers", of: ({ id }) => `${ARCHITECTURES[id as ArchitectureName].length + 1}` },
  facts: () => [],
  plain: () => ({}),
});
