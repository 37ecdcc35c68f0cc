import type { PlainRecord } from "../../runtime/jobs.ts";
import { centred, principalAxes, timesTransposed } from "../../stats/principal-axes.ts";
import { FEWEST_IMAGES, featuresOf, withLabel } from "./features.ts";
import { type CaseFacts, type Detection, defineDetector, type Material } from "./types.ts";

/** ε of the paper: the share of a label's images that are assumed to be poisoned at most. */
export const ASSUMED_POISON = 0.05;
/** The paper removes this many times the assumed number. */
const REMOVED_PER_POISON = 1.5;
const MOST_REMOVED = 0.5;
const SETTINGS = {
  assumedPoison: ASSUMED_POISON,
  /**
   * A label stands out whose features vary along one direction so many times as much as any other label's do. The paper has
   * no rule for whole models; clean networks on handwritten digits stay below this.
   */
  outlying: 1.25,
};

interface Part extends PlainRecord {
  readonly label: number;
  readonly assumedPoison: number;
}

interface Signature extends PlainRecord {
  readonly label: number;
  readonly images: number;
  /** Of the features along the first singular vector: σ₁² / images; `null` with too few images. */
  readonly variance: number | null;
  /** Places in the training data, most suspicious first: those the paper's rule removes. */
  readonly removed: Int32Array;
}

/** @param share ε @returns how many of a label's images the paper's rule removes */
export const removals = (images: number, share = ASSUMED_POISON): number =>
  Math.floor(Math.min(REMOVED_PER_POISON * share, MOST_REMOVED) * images + 1e-9);

async function examine(material: Material, { label, assumedPoison }: Part): Promise<Signature> {
  const { batch, places } = withLabel(material, label);
  const none: Signature = { label, images: places.length, variance: null, removed: new Int32Array(0) };
  if (places.length < FEWEST_IMAGES) return none;
  const features = centred(await featuresOf(material, batch));
  const { directions, singularValues } = principalAxes(features, 1, material.random.split(`label/${label}`));
  const outlying = timesTransposed(features, directions).values.map((along) => along * along);
  const ranked = Array.from(places.keys()).sort((a, b) => outlying[b]! - outlying[a]!);
  return {
    ...none,
    variance: singularValues[0]! ** 2 / places.length,
    removed: Int32Array.from(ranked.slice(0, removals(places.length, assumedPoison)), (k) => places[k]!),
  };
}

interface Judged extends Signature {
  readonly variance: number;
}

function conclude(records: readonly Signature[], _: CaseFacts, { outlying }: typeof SETTINGS): Detection {
  const judged = records.filter((record): record is Judged => record.variance !== null && record.variance > 0);
  const evidence = { images: records.map(({ images }) => images), variances: records.map(({ variance }) => variance) };
  const [first, second] = judged.toSorted((a, b) => b.variance - a.variance);
  if (!first || !second)
    return {
      flagged: null,
      score: null,
      pValue: null,
      target: null,
      reason: `fewer than two labels have ${FEWEST_IMAGES} training images with different features; there is nothing to compare.`,
      evidence,
    };
  const score = first.variance / second.variance;
  return {
    flagged: score > outlying,
    score,
    pValue: null,
    target: first.label,
    reason:
      `along its first direction the features of label ${first.label} vary ${score.toFixed(2)} times as much as any other ` +
      `label's (suspicious above ${outlying}, a rule of ours: the paper removes the ${first.removed.length} images that lie ` +
      "farthest out along it and judges no models).",
    evidence: { ...evidence, suspects: first.removed },
  };
}

/** Poison of a label shows as outliers along the first singular vector of its features. */
export const spectralSignatures = defineDetector<Part, Signature, typeof SETTINGS>({
  id: "spectral-signatures",
  version: 1,
  standard: "with training data",
  title: "Spectral signatures",
  summary:
    "Looks for training images that stand out along the main direction of their label's features; names them, and the label.",
  source: "Tran, Li and Madry 2018, arXiv:1811.00636",
  settings: SETTINGS,
  options: (z) => ({
    assumedPoison: z
      .number()
      .positive()
      .max(1)
      .describe("share of a label's images that are assumed to be poisoned at most"),
    outlying: z
      .number()
      .min(1)
      .describe("times as much as any other label's that a label's features vary where it stands out"),
  }),
  needs: "training data",
  blindTo: "poison whose features mix with the clean ones, and labels with little or mostly poison",
  parts: ({ classes }, { assumedPoison }) => Array.from({ length: classes }, (_, label) => ({ label, assumedPoison })),
  picks: { from: "training data", suspects: ({ removed }) => removed as Int32Array },
  examine,
  conclude,
});
