/**
 * @file The audit report as plain data. The JSON file beside the HTML page is exactly this, and the page shows
 * nothing that is not in it. Every share is a `Proportion` of at least one input, with its exact interval. Keys are
 * never left out: what was not measured is `null` or an empty list, and `limits` says why.
 */

import type { Proportion } from "../stats/proportion.ts";

/** Raised when a reader of the previous version would misread the file. */
export const REPORT_SCHEMA = 1;

/**
 * What stands behind a finding: a proof, a bound in real arithmetic (which leaves out rounding and proves nothing of the
 * network as it runs), a witness, a sample with an interval, or a rule of thumb.
 */
export type Evidence = "proved" | "bounded" | "attacked" | "statistical" | "heuristic";

export type Severity = "critical" | "warning" | "note" | "good";

export type NormName = "linf" | "l2" | "l1";

/** A section of the page that a finding can point to. */
export type SectionId = "model" | "data" | "robustness" | "classes" | "examples" | "tampering" | "runs" | "limits";

/** A number that is not a share: a distance, a score, a time. */
export interface Quantity {
  readonly value: number;
  readonly unit: string;
  readonly interval: readonly [lower: number, upper: number] | null;
  /** How many inputs or runs the number rests on. */
  readonly samples: number;
}

export type Figure =
  | { readonly label: string; readonly rate: Proportion }
  | { readonly label: string; readonly quantity: Quantity };

export interface Finding {
  readonly id: string;
  readonly title: string;
  readonly sentence: string;
  readonly evidence: Evidence;
  readonly severity: Severity;
  readonly figures: readonly Figure[];
  readonly section: SectionId;
}

export type DecisionKind = "ship" | "do-not-ship" | "cannot-tell";

export interface GateCondition {
  readonly sentence: string;
  readonly outcome: "met" | "failed" | "undecided";
  /** The measured numbers that gave the outcome. */
  readonly measured: string;
}

export interface Decision {
  readonly kind: DecisionKind;
  /** The reason in a few words; the page writes the decision itself above it. */
  readonly headline: string;
  readonly reason: string;
  readonly gate: { readonly name: string; readonly conditions: readonly GateCondition[] };
  /** What to do next, most useful first. */
  readonly nextSteps: readonly string[];
}

export interface LayerCard {
  readonly name: string;
  readonly op: string;
  /** The batch axis is its symbol, for example "N". */
  readonly outputShape: readonly (number | string)[];
  readonly parameters: number;
}

export interface TensorCard {
  readonly name: string;
  readonly shape: readonly (number | string)[];
  readonly type: string;
}

export interface ModelCard {
  readonly fileName: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly format: string;
  readonly opset: number | null;
  readonly producer: string | null;
  readonly parameters: number;
  readonly inputs: readonly TensorCard[];
  readonly outputs: readonly TensorCard[];
  readonly ops: readonly { readonly op: string; readonly count: number }[];
  readonly layers: readonly LayerCard[];
}

/** One line of the agreement about how the model's inputs and outputs are to be read. */
export interface ContractTerm {
  readonly term: "layout" | "range" | "normalisation" | "classes" | "labels";
  readonly value: string;
  readonly basis: "stated" | "inferred" | "assumed";
  readonly reason: string;
}

export interface DataCard {
  readonly source: string;
  /** Inputs drawn from the source for this audit. */
  readonly count: number;
  readonly selection: string;
  readonly terms: readonly ContractTerm[];
  /** In the order of the model's outputs; empty when the classes have no names. */
  readonly classNames: readonly string[];
  /** `null` without labels. */
  readonly cleanAccuracy: Proportion | null;
  /** Accuracy of guessing the most frequent class, in [0, 1]; `null` without labels. */
  readonly chance: number | null;
}

/**
 * What is known about every input at one epsilon.
 * `correct` = certified + falsified + unknown: wrong inputs are neither certified nor attacked. Without labels every
 * input counts as correct, and the verdicts are about keeping the model's own answer.
 */
export interface VerdictCounts {
  readonly inputs: number;
  readonly correct: number;
  readonly certified: number;
  readonly falsified: number;
  readonly unknown: number;
}

/** The two-sided estimate of robust accuracy at one epsilon. */
export interface BandPoint {
  readonly epsilon: number;
  readonly clean: Proportion | null;
  /** Accuracy left after every attack: robust accuracy is at most this. `null` when no attack ran. */
  readonly attackedUpper: Proportion | null;
  /** Share proved: robust accuracy is at least this. `null` when no verifier ran. */
  readonly certifiedLower: Proportion | null;
  readonly counts: VerdictCounts;
  /** Of the unknown ones that a proof was tried for: how many for which reason. Empty in older reports. */
  readonly unknownBy: Readonly<Record<string, number>>;
}

export interface ClassRow {
  /** Index in `DataCard.classNames`. */
  readonly label: number;
  readonly clean: Proportion | null;
  readonly attackedUpper: Proportion | null;
  readonly certifiedLower: Proportion | null;
}

/** Pixels in rows, channels interleaved, one byte each, base64. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** 1 (grey) or 3 (red, green, blue). */
  readonly channels: 1 | 3;
  readonly pixels: string;
}

/**
 * A signed change per pixel and channel, in the order of `Picture`: int8 values, base64, −127…127 standing for
 * −scale…scale in the units of epsilon. Kept apart from the two pictures, whose bytes would round small changes away.
 */
export interface PictureChange {
  readonly scale: number;
  readonly values: string;
}

export interface AdversarialExample {
  /** Position in the data source. */
  readonly index: number;
  readonly label: number;
  readonly predicted: number;
  /** The class the attack aimed for; `null` when any wrong class would do. */
  readonly target: number | null;
  readonly epsilon: number;
  readonly distance: number;
  readonly method: string;
  /** Logit of the true class minus the best other logit, before and after; negative is misclassified. */
  readonly marginBefore: number;
  readonly marginAfter: number;
  /** Softmax probability of the predicted class after the attack, in [0, 1]. */
  readonly confidence: number;
  /** `null` when the inputs are not pictures. */
  readonly picture: {
    readonly original: Picture;
    readonly adversarial: Picture;
    readonly change: PictureChange;
  } | null;
}

export interface Robustness {
  readonly norm: NormName;
  /** What one unit of epsilon is, for example "pixel values scaled to 0…1". */
  readonly unit: string;
  /** One of the epsilons in `points`: the one the gate and the class table speak about. */
  readonly headlineEpsilon: number;
  /** By rising epsilon. */
  readonly points: readonly BandPoint[];
  readonly classes: readonly ClassRow[];
  readonly examples: readonly AdversarialExample[];
}

/** Result of a test for tampering: a backdoor, a universal trigger, an odd layer. */
export interface Suspicion {
  readonly id: string;
  readonly title: string;
  readonly sentence: string;
  readonly method: string;
  readonly evidence: Evidence;
  readonly severity: Severity;
  readonly targetClass: number | null;
  /** Share of inputs of other classes that the trigger sends to the target class. */
  readonly success: Proportion | null;
  /** The same test aimed at every class: the population that gives `success` its meaning. */
  readonly perTarget: readonly { readonly label: number; readonly success: Proportion }[];
  readonly pictures: readonly { readonly caption: string; readonly picture: Picture }[];
}

/** One way to titrate: how often the model is surely wrong under noise of rising intensity. */
export interface NoiseCurve {
  /** For example "real-gaussian-clipped". */
  readonly mode: string;
  /** In words. */
  readonly title: string;
  /** Of salt-and-pepper the share of pixels replaced, else the standard deviation in units of the pixels' range; rising. */
  readonly intensities: readonly number[];
  /** One an intensity: share of the inputs answered wrongly and more surely than gamma. */
  readonly shares: readonly number[];
  /** The same of the reference's clean models: 5% of them lie below `lower`, 5% above `upper`. `null` without a reference. */
  readonly band: {
    readonly lower: readonly number[];
    readonly median: readonly number[];
    readonly upper: readonly number[];
  } | null;
}

/** How much further noise pulls the model towards each class than it pulls the reference's clean models. */
export interface LeanChart {
  /**
   * Robust z-scores of the class's leaning among those of the reference's models: the largest over the inputs' labels, by
   * mode, and over the modes.
   */
  readonly classes: readonly { readonly label: number; readonly excess: number; readonly byMode: readonly number[] }[];
  /** In the order of `byMode`. */
  readonly modes: readonly string[];
  /** Above it a model is flagged; `null` where the reference is too small for that. */
  readonly threshold: number | null;
  /** The label whose inputs lean furthest; `null` where labels were not told apart. */
  readonly source: number | null;
}

/** An input as the model saw it, with what it answered. */
export interface AnsweredPicture {
  readonly label: number;
  readonly predicted: number;
  /** Softmax probability of the answer, in [0, 1]. */
  readonly confidence: number;
  /** `null` when the inputs are not pictures. */
  readonly picture: Picture | null;
}

/** Clean models of the same task and architecture, scanned in the same way. */
export interface ReferencePopulation {
  readonly name: string;
  /** How its members were trained, in words. */
  readonly recipe: string;
  /** Clean members. */
  readonly clean: number;
  /** 1 / (clean + 1): no p-value is below it. */
  readonly smallestP: number;
  /** Why it was not compared with; `null` where it was. */
  readonly unused: string | null;
}

/** What one detector says of the model. */
export interface DetectorVerdict {
  readonly id: string;
  readonly title: string;
  /** By its paper's own rule; `null` where it has none, or could not be applied. */
  readonly flagged: boolean | null;
  /** Of its own rule. */
  readonly ownPValue: number | null;
  readonly score: number | null;
  /** Of its score among the reference's clean models; `null` without a reference. */
  readonly pValue: number | null;
  readonly target: number | null;
  readonly reason: string;
  /** What it cannot see. */
  readonly blindTo: string;
}

/** A sign that names a class, from work that does not build on the other signs' work. */
export interface TamperingSign {
  readonly kind: "noise" | "margin" | "patch";
  readonly label: number;
  readonly sentence: string;
}

/** The search for a backdoor by the answers to noise, and by the model's weights and margins. */
export interface BackdoorScan {
  readonly verdict: {
    /** `null`: undecided. */
    readonly flagged: boolean | null;
    readonly kind: "statistical" | "heuristic" | "undecided";
    readonly target: number | null;
    /** Against the reference; `null` without one. */
    readonly pValue: number | null;
    /** Rate of false alarms at which a model is flagged; `null` without a reference. */
    readonly level: number | null;
    readonly reason: string;
  };
  /** The class that is looked at closely: the verdict's, or one that another sign names; `null` where none does. */
  readonly suspected: number | null;
  readonly signs: readonly TamperingSign[];
  readonly reference: ReferencePopulation | null;
  /** Confidence above which a wrong answer counts as sure. */
  readonly gamma: number;
  readonly curves: readonly NoiseCurve[];
  readonly lean: LeanChart | null;
  /** Inputs that noise sends to the suspected class; `null` where there are none. */
  readonly noise: {
    /** In words: which noise, and how much. */
    readonly what: string;
    /** Of inputs of other classes, answered correctly without noise. */
    readonly led: Proportion;
    readonly examples: readonly AnsweredPicture[];
  } | null;
  /** The smallest trigger found for the suspected class; `null` where none was searched for. */
  readonly trigger: {
    readonly label: number;
    /** Sum of the mask, in pixels. */
    readonly size: number;
    readonly pixels: number;
    /** Up to this size it counts as a sign. */
    readonly small: number;
    /** Of inputs of other classes that the search did not see. */
    readonly success: Proportion;
    readonly mask: Picture | null;
    /** On an even grey. */
    readonly pattern: Picture | null;
    readonly examples: readonly AnsweredPicture[];
  } | null;
  readonly detectors: readonly DetectorVerdict[];
  readonly nextSteps: readonly string[];
  /** What the answer does not cover, and what else can cause it. */
  readonly limits: readonly string[];
  readonly settings: readonly { readonly name: string; readonly value: string }[];
}

export type OptionValue = string | number | boolean | null;

/** One thing that was run, with all that is needed to run it again. */
export interface Run {
  readonly id: string;
  readonly method: string;
  readonly purpose: "attack" | "verify" | "tampering" | "accuracy";
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly seed: string;
  readonly seconds: number;
  readonly counts: Readonly<Record<string, number>>;
  /** For verifiers: whether a proof covers float32 rounding ("float32-safe") or real arithmetic only. */
  readonly arithmetic: "float32-safe" | "real" | null;
}

/** Something that a reader must know before anything else: what went wrong, and what the audit did not get to. */
export interface Incident {
  readonly kind: "bug" | "memory" | "unfinished";
  readonly title: string;
  readonly sentence: string;
}

/** Something a reader might think was checked and was not. */
export interface Limit {
  readonly title: string;
  readonly sentence: string;
}

export interface AuditReport {
  readonly schema: typeof REPORT_SCHEMA;
  readonly tool: { readonly name: string; readonly version: string };
  /** ISO 8601, UTC. */
  readonly created: string;
  readonly seed: string;
  readonly command: string;
  readonly seconds: number;
  readonly decision: Decision;
  /** The first three carry the decision. */
  readonly findings: readonly Finding[];
  readonly model: ModelCard;
  readonly data: DataCard;
  /** One entry a norm, the headline norm first. */
  readonly robustness: readonly Robustness[];
  readonly suspicions: readonly Suspicion[];
  /** `null` where no search was made. Reports of before there was one are read as such. */
  readonly backdoor: BackdoorScan | null;
  readonly runs: readonly Run[];
  /** Empty in older reports. */
  readonly incidents: readonly Incident[];
  readonly environment: readonly { readonly name: string; readonly value: string }[];
  readonly limits: readonly Limit[];
}
