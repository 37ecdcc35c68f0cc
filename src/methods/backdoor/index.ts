/** @file The table of backdoor detectors. A detector exists when it is listed here. */

import { byId, defineFamily } from "../family.ts";
import { schemaOf } from "../options.ts";
import { activationClustering } from "./activation-clustering.ts";
import { clp } from "./clp.ts";
import { lastLayerOutlier } from "./last-layer.ts";
import { mmBd } from "./mm-bd.ts";
import { neuralCleanse } from "./neural-cleanse.ts";
import { spectralSignatures } from "./spectral-signatures.ts";
import { strip } from "./strip.ts";
import { titration } from "./titration/index.ts";
import type { Detector, Need, Role } from "./types.ts";
import { universalPerturbation } from "./universal-perturbation.ts";

export const detectors: readonly Detector[] = [
  titration,
  neuralCleanse,
  mmBd,
  strip,
  clp,
  lastLayerOutlier,
  universalPerturbation,
  spectralSignatures,
  activationClustering,
];

const NEEDS: Readonly<Record<Need, string>> = {
  nothing: "the model alone; `--data` tells more where the method can use it",
  inputs: "held-out inputs: `--data`",
  "training data": "the training data under suspicion: `--training`",
};

export const backdoorFamily = defineFamily<Detector>({
  id: "backdoor",
  verb: "backdoor",
  noun: "detector",
  about:
    "detectors look for signs of a planted backdoor: what they flag is suspicion, not proof, and each of them is blind to some backdoors",
  methods: detectors,
  standard: detectors.filter(({ standard }) => standard === "always"),
  schema: (method, z) => schemaOf(z, method),
  use: ({ id, needs }) =>
    `assay backdoor MODEL --data DATA${needs === "training data" ? " --training DATA" : ""} --detector ${id}`,
  pages: "methods",
  scope: { name: "needs", of: ({ needs }) => needs },
  facts: ({ needs, blindTo }) => [
    ["Needs", needs],
    ["Blind", `to ${blindTo}`],
  ],
  rows: ({ needs, blindTo }) => [
    ["needs", NEEDS[needs]],
    ["blind to", blindTo],
  ],
  plain: ({ needs, blindTo }) => ({ needs, blindTo }),
});

/** @throws Error for a name that is not listed; user input is checked before */
export const detectorOf = (id: string): Detector => byId(backdoorFamily, id);

/** The one that plays a part in the verdict or in what is shown of it. */
export const detectorFor = (role: Role): Detector => detectors.find((detector) => detector.role === role)!;

/** What runs where no detector is named. */
export const standardDetectors = (training = false): readonly Detector[] =>
  detectors.filter(({ standard }) => standard === "always" || (training && standard === "with training data"));
