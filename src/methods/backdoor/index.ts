/** @file The table of backdoor detectors. A detector exists when it is listed here. */

import { activationClustering } from "./activation-clustering.ts";
import { channelLipschitz } from "./channel-lipschitz.ts";
import { lastLayerOutlier } from "./last-layer.ts";
import { mmBd } from "./mm-bd.ts";
import { neuralCleanse } from "./neural-cleanse.ts";
import { spectralSignatures } from "./spectral-signatures.ts";
import { strip } from "./strip.ts";
import { titration } from "./titration/index.ts";
import type { Detector } from "./types.ts";
import { universalPerturbation } from "./universal-perturbation.ts";

export const detectors: readonly Detector[] = [
  titration,
  neuralCleanse,
  mmBd,
  strip,
  channelLipschitz,
  lastLayerOutlier,
  universalPerturbation,
  spectralSignatures,
  activationClustering,
];

/** @throws Error for a name that is not listed; user input is checked before */
export function detectorOf(id: string): Detector {
  const found = detectors.find((detector) => detector.id === id);
  if (!found) throw new Error(`no detector "${id}"`);
  return found;
}
