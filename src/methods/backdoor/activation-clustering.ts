import { rowsAt } from "../../graph/tensor.ts";
import type { Rng } from "../../random/rng.ts";
import type { PlainRecord } from "../../runtime/jobs.ts";
import { type Clustering, kMeans, silhouette } from "../../stats/clusters.ts";
import { centred, type Matrix, principalAxes, timesTransposed } from "../../stats/principal-axes.ts";
import { FEWEST_IMAGES, featuresOf, withLabel } from "./features.ts";
import { type CaseFacts, type Detection, defineDetector, type Material } from "./types.ts";

/** The features are reduced to so many numbers. */
const DIMENSIONS = 10;
const SETTINGS = {
  /** A label is suspicious whose smaller cluster holds less than this share of its images: clean ones split about evenly. */
  smallCluster: 0.35,
  /** And whose two clusters are apart: below it two clusters fit no better than one. */
  apart: 0.1,
};
/** Silhouettes compare all pairs; of more images a random sample is taken. */
const SILHOUETTE_IMAGES = 1000;

interface Part extends PlainRecord {
  readonly label: number;
}

interface Split extends PlainRecord {
  readonly label: number;
  readonly images: number;
  /** Of the smaller of two clusters; `null` with too few images, or all equal. */
  readonly share: number | null;
  readonly silhouette: number | null;
  /** The smaller cluster where all dimensions count the same: places in the training data. */
  readonly smaller: Int32Array;
}

async function examine(material: Material, { label }: Part): Promise<Split> {
  const { batch, places } = withLabel(material, label);
  const none: Split = { label, images: places.length, share: null, silhouette: null, smaller: new Int32Array(0) };
  if (places.length < FEWEST_IMAGES) return none;
  const random = material.random.split(`label/${label}`);
  const features = centred(await featuresOf(material, batch));
  const { directions, singularValues } = principalAxes(features, DIMENSIONS, random.split("axes"));
  const points = timesTransposed(features, directions);
  const split = kMeans(points, 2, random.split("clusters"));
  if (split.sizes.includes(0)) return none;
  const whole = kMeans(whitened(points, singularValues), 2, random.split("whitened clusters"));
  return {
    ...none,
    share: split.sizes[smallerOf(split)]! / places.length,
    silhouette: sampledSilhouette(points, split.assignment, random.split("silhouette")),
    smaller: places.filter((_, k) => whole.assignment[k] === smallerOf(whole)),
  };
}

const smallerOf = ({ sizes }: Clustering): number => (sizes[0]! <= sizes[1]! ? 0 : 1);

/**
 * Every axis with the same variance. The paper reduces by independent component analysis, which is this and a rotation; to
 * distances, and so to clusters, a rotation is nothing.
 */
function whitened({ rows, columns, values }: Matrix, singularValues: Float64Array): Matrix {
  // axes without variance hold rounding errors alone
  const least = 1e-6 * singularValues[0]!;
  const scales = singularValues.map((value) => (value > least ? Math.sqrt(rows) / value : 0));
  return { rows, columns, values: values.map((v, i) => v * scales[i % columns]!) };
}

function sampledSilhouette(points: Matrix, assignment: Int32Array, random: Rng): number {
  if (points.rows <= SILHOUETTE_IMAGES) return silhouette(points, assignment);
  const { columns, values } = points;
  const chosen = random.permutation(points.rows).subarray(0, SILHOUETTE_IMAGES);
  const sample = rowsAt(values, columns, chosen);
  // A cluster may be too small to be in the sample; then nothing speaks for two clusters.
  return (
    silhouette(
      { rows: chosen.length, columns, values: sample },
      chosen.map((row) => assignment[row]!),
    ) || 0
  );
}

interface Judged extends Split {
  readonly share: number;
  readonly silhouette: number;
}

const isJudged = (record: Split): record is Judged => record.share !== null && record.silhouette !== null;

/** Apart and uneven: 1 for a tiny cluster far away, 0 for an even split or clusters that touch. */
const suspicion = ({ share, silhouette }: Judged): number => silhouette * (1 - 2 * share);

function conclude(records: readonly Split[], _: CaseFacts, { smallCluster, apart }: typeof SETTINGS): Detection {
  const judged = records.filter(isJudged);
  const counts = {
    images: records.map(({ images }) => images),
    shares: records.map(({ share }) => share),
    silhouettes: records.map(({ silhouette }) => silhouette),
  };
  const [first, ...others] = judged;
  if (!first)
    return {
      flagged: null,
      score: null,
      pValue: null,
      target: null,
      reason: `no label has ${FEWEST_IMAGES} training images with different features; there is nothing to cluster.`,
      evidence: counts,
    };
  const top = others.reduce((best, record) => (suspicion(record) > suspicion(best) ? record : best), first);
  const suspicious = judged.filter(({ share, silhouette }) => share < smallCluster && silhouette > apart);
  return {
    flagged: suspicious.length > 0,
    score: suspicion(top),
    pValue: null,
    target: top.label,
    reason:
      `the features of label ${top.label}'s images fall into two clusters, the smaller with ` +
      `${(100 * top.share).toFixed(0)} % of them, silhouette ${top.silhouette.toFixed(2)} (suspicious: below ` +
      `${100 * smallCluster} % and above ${apart}); ${suspicious.length} of ${judged.length} labels are suspicious.`,
    evidence: { ...counts, suspicious: suspicious.map(({ label }) => label), suspects: top.smaller },
  };
}

/**
 * Poisoned and clean images of a label reach it by different features: two clusters, of which one is small. Labels are judged
 * by clusters of principal components, as in later implementations; images are suspected by clusters of independent ones, as
 * in the paper. On digits the first accuse fewer clean labels; the second mostly separate poison better.
 */
export const activationClustering = defineDetector<Part, Split, typeof SETTINGS>({
  id: "activation-clustering",
  version: 1,
  standard: "with training data",
  title: "Activation clustering",
  summary:
    "Splits each label's training images in two by their features; a small cluster apart from the rest is poison.",
  source: "Chen et al. 2018, arXiv:1811.03728",
  settings: SETTINGS,
  options: (z) => ({
    smallCluster: z
      .number()
      .positive()
      .max(0.5)
      .describe("share of a label's images below which its smaller cluster is suspicious"),
    apart: z.number().min(-1).max(1).describe("silhouette above which two clusters are apart"),
  }),
  needs: "training data",
  blindTo: "poison whose features mix with the clean ones, and labels half of whose images are poisoned",
  parts: ({ classes }) => Array.from({ length: classes }, (_, label) => ({ label })),
  picks: { from: "training data", suspects: ({ smaller }) => smaller as Int32Array },
  examine,
  conclude,
});
