/** @file The search for a backdoor as part of the report: curves beside the reference's band, the class lean, pictures. */

import { sayingClasses } from "../../../data/classes.ts";
import { type Shown, stampTrigger, type TriggerExhibit } from "../../../methods/audit/exhibits.ts";
import { type BackdoorResult, noiseOf, smallMask } from "../../../methods/audit/tampering.ts";
import { neuralCleanse } from "../../../methods/backdoor/neural-cleanse.ts";
import { readDigest, type TitrationDigest } from "../../../methods/backdoor/titration/digest.ts";
import { joint } from "../../../methods/backdoor/titration/scores.ts";
import { GAMMAS, type Mode, modeId, type TitrationCurve } from "../../../methods/backdoor/titration/types.ts";
import type { Detection } from "../../../methods/backdoor/types.ts";
import { settingsOf } from "../../../methods/method.ts";
import { planar } from "../../../methods/picture.ts";
import { cleanScans } from "../../../methods/population/reference.ts";
import { proportion } from "../../../stats/proportion.ts";
import { quantiles } from "../../../stats/summary.ts";
import type { BackdoorOutcome } from "../../../studies/audit/codes.ts";
import type { Picture } from "../../fields.ts";
import { numberText, percent } from "../../format.ts";
import { pictureOf } from "../../pictures.ts";
import type { Run } from "../../schema.ts";
import type { Named } from "../contract.ts";
import { nextStepsOf, signSentence, verdictSentence } from "./backdoor-words.ts";
import type { AnsweredPicture, BackdoorScan, LeanChart, NoiseCurve } from "./schema.ts";

/** Of the reference's clean models, a twentieth lies beyond each end of a band. */
const BAND = [0.05, 0.5, 0.95] as const;

export function backdoorScan(result: BackdoorResult, outcome: BackdoorOutcome, named: Named): BackdoorScan {
  const { decision, examined, reference, facts } = result;
  const { flagged, kind, target, pValue, level, ground } = outcome.verdict;
  const curves = curvesOf(result);
  return {
    verdict: { flagged, kind, target, pValue, level, reason: verdictSentence(ground, named) },
    suspected: outcome.suspected,
    signs: outcome.signs.map((sign) => ({
      kind: sign.kind,
      label: sign.label,
      sentence: signSentence(sign, named),
    })),
    reference: reference && {
      ...reference,
      recipe: result.population ? recipeText(result.population.recipe) : "",
    },
    gamma: GAMMAS.at(-1)!,
    curves: curves.map((curve) => noiseCurve(curve, digestsOf(result))),
    lean: leanChart(result),
    noise: noisePart(result),
    trigger: triggerPart(result),
    detectors: examined.map(({ detector: { id, title, blindTo }, detection }) => ({
      id,
      title,
      flagged: detection.flagged,
      ownPValue: finite(detection.pValue),
      score: finite(detection.score),
      pValue: finite(decision.perDetector[id] ?? null),
      target: detection === noiseOf(examined) && decision.lean ? decision.lean.target : detection.target,
      reason: sayingClasses(reasonOf(detection, decision.perDetector[id] ?? null), named),
      blindTo,
    })),
    nextSteps: nextStepsOf(result, outcome, named),
    limits: [...limitsOf(result), ...result.notes.map(sentence)],
    settings: scanSettings(result, curves, facts.domain),
  };
}

const finite = (value: number | null): number | null => (value !== null && Number.isFinite(value) ? value : null);
const sentence = (text: string): string =>
  `${text[0]?.toUpperCase() ?? ""}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;

/** Where there is a reference, a detector need not ask for one. */
const reasonOf = ({ reason, seen }: Detection, pValue: number | null): string =>
  sentence(pValue === null ? reason : (seen ?? reason));

function curvesOf({ examined }: BackdoorResult): readonly TitrationCurve[] {
  const { curves } = noiseOf(examined)?.evidence ?? {};
  return (curves ?? []) as unknown as readonly TitrationCurve[];
}

function digestsOf({ population, examined }: BackdoorResult): TitrationDigest[] {
  const noise = noiseOf(examined);
  const titration = examined.find(({ detection }) => detection === noise)?.detector;
  if (!population || !titration) return [];
  return cleanScans(population, titration).flatMap(({ evidence }) => readDigest(evidence) ?? []);
}

// ---------------------------------------------------------------- curves and lean

/** Noise in words. */
const noiseText = ({ noise, clipped }: Mode): string =>
  noise === "salt-and-pepper"
    ? "pixels turned black or white"
    : `${noise === "gaussian" ? "" : `${noise} `}noise ${clipped ? "cut off at black and white" : "not cut off"}`;

/** A way to titrate in words. */
export const modeTitle = (mode: Mode): string =>
  mode.base === "real" ? `Inputs, ${noiseText(mode)}` : `Noise alone, ${mode.clipped ? "cut off" : "not cut off"}`;

function noiseCurve(curve: TitrationCurve, digests: readonly TitrationDigest[]): NoiseCurve {
  const mode = modeId(curve.mode);
  const intensities = curve.points.map(({ sigma }) => sigma);
  const shares = joint(curve);
  const others = digests.filter(({ grid }) => `${grid[mode]}` === `${intensities}`).map((own) => own.joint[mode]!);
  const at = intensities.map((_, i) =>
    quantiles(
      others.map((own) => own[i]!),
      BAND,
    ),
  );
  const side = (k: number) => at.map((values) => values[k]!);
  const band = others.length === 0 ? null : { lower: side(0), median: side(1), upper: side(2) };
  return { mode, title: modeTitle(curve.mode), intensities, shares, band };
}

function leanChart({ decision: { lean }, examined }: BackdoorResult): LeanChart | null {
  if (!lean) return null;
  const modes = Object.keys(lean.excess);
  const titles = new Map(curvesOf({ examined } as BackdoorResult).map(({ mode }) => [modeId(mode), modeTitle(mode)]));
  return {
    classes: lean.byClass.map((excess, label) => ({
      label,
      excess,
      byMode: modes.map((mode) => lean.excess[mode]![label]!),
    })),
    modes: modes.map((mode) => titles.get(mode) ?? mode),
    threshold: lean.threshold,
    source: lean.source,
  };
}

// ---------------------------------------------------------------- the closer look

type Look = Pick<BackdoorResult, "facts">;

function picture(image: Float32Array, { facts: { geometry, domain } }: Look): Picture | null {
  return geometry ? pictureOf(planar(image, geometry), geometry, domain ? [...domain] : [0, 1]) : null;
}

const answeredBy =
  (result: Look) =>
  ({ label, answer, confidence, image }: Shown): AnsweredPicture => ({
    label,
    predicted: answer,
    confidence: Math.min(1, confidence),
    picture: picture(image, result),
  });

function noisePart(result: BackdoorResult): BackdoorScan["noise"] {
  const { noisy } = result;
  if (!noisy || noisy.inputs === 0) return null;
  const { mode, sigma, led, inputs, shown } = noisy;
  const much =
    mode.noise === "salt-and-pepper"
      ? `${percent(sigma, 0)} of the ${noiseText(mode)}`
      : `${noiseText(mode)}, of ${numberText(sigma)} times the pixels' range`;
  return { what: much, led: proportion(led, inputs), examples: shown.map(answeredBy(result)) };
}

function triggerPart(result: BackdoorResult): BackdoorScan["trigger"] {
  const { trigger, facts } = result;
  if (!trigger || trigger.trials === 0) return null;
  const { geometry } = facts;
  return {
    label: trigger.label,
    size: trigger.l1,
    pixels: trigger.mask.length,
    small: geometry ? smallMask(geometry) : 0,
    success: proportion(trigger.hits, trigger.trials),
    mask: geometry
      ? pictureOf(trigger.mask, {
          channels: trigger.mask.length === trigger.pattern.length ? geometry.channels : 1,
          height: geometry.height,
          width: geometry.width,
        })
      : null,
    pattern: picture(onGrey(result, trigger), result),
    examples: trigger.shown.map(answeredBy(result)),
  };
}

/** What the trigger puts onto an even grey. */
function onGrey({ facts }: Look, trigger: TriggerExhibit): Float32Array {
  const [low, high] = facts.domain ?? [0, 1];
  return stampTrigger(new Float32Array(trigger.pattern.length).fill((low + high) / 2), trigger, facts);
}

// ---------------------------------------------------------------- how it was done

/** One a detector, and the closer look. Times are of processors, of all threads together. */
export function backdoorRuns({ examined, seed, images, noisy, trigger }: BackdoorResult): Run[] {
  const shared = { purpose: "tampering", seed, arithmetic: null } as const;
  const runs: Run[] = examined.map(({ detector, seconds }) => ({
    ...shared,
    id: detector.id,
    method: detector.title,
    options: settingsOf(detector),
    seconds,
    counts: { inputs: images },
  }));
  if (noisy) {
    const { mode, sigma, target, took, inputs, led } = noisy;
    const options = { noise: modeId(mode), sigma, target };
    runs.push({
      ...shared,
      id: "noisy-inputs",
      method: "Inputs under noise",
      options,
      seconds: took,
      counts: { inputs, led },
    });
  }
  if (trigger) {
    const { label, searched, trials, hits, steps, updates, took } = trigger;
    const counts = { searched, steps, updates, inputs: trials, succeeded: hits };
    runs.push({
      ...shared,
      id: "trigger",
      method: "Reversed trigger (Neural Cleanse)",
      options: settingsOf(neuralCleanse, { target: label }),
      seconds: took,
      counts,
    });
  }
  return runs;
}

/** The main entries of a training recipe in words. */
function recipeText(recipe: Readonly<Record<string, unknown>>): string {
  const { architecture, data, epochs, method } = recipe;
  const kind = (method as { readonly kind?: unknown } | undefined)?.kind;
  return [
    typeof architecture === "string" ? architecture : undefined,
    typeof data === "string" ? `trained on ${data}` : undefined,
    typeof epochs === "number" ? `${epochs} epochs` : undefined,
    typeof kind === "string" && kind !== "plain" ? `method ${kind}` : undefined,
  ]
    .filter((part) => part !== undefined)
    .join(", ");
}

function scanSettings(
  { data, images, labelled, seed, examined }: BackdoorResult,
  curves: readonly TitrationCurve[],
  domain: readonly [number, number] | undefined,
): BackdoorScan["settings"] {
  const gridOf = (salt: boolean) => curves.find(({ mode }) => (mode.noise === "salt-and-pepper") === salt)?.points;
  const grids = [
    { name: "Intensities (σ)", points: gridOf(false) },
    { name: "Shares of pixels replaced", points: gridOf(true) },
  ];
  const tempered = noiseOf(examined)?.evidence["tempered"] as
    | { readonly temperature: number; readonly jointArea: number | null }
    | null
    | undefined;
  return [
    {
      name: "Inputs",
      value: `${images} of ${data}, drawn by class with seed ${seed}; labels ${labelled ? "from the data" : "are the model's own answers"}`,
    },
    {
      name: "Pixels",
      value: domain ? `${domain[0]}…${domain[1]}, noise added before any normalisation` : "no range known",
    },
    { name: "High confidence", value: `above ${GAMMAS.at(-1)}` },
    ...grids.flatMap(({ name, points }) =>
      points ? [{ name, value: points.map(({ sigma }) => sigma).join(", ") }] : [],
    ),
    { name: "Inputs titrated", value: curves.map((curve) => `${curve.inputs} (${modeTitle(curve.mode)})`).join("; ") },
    ...(tempered ? [{ name: "Temperature", value: temperatureText(tempered) }] : []),
    { name: "BatchNorm, dropout", value: "as in the file: inference" },
    { name: "Seed", value: `${seed}, with the same noise for every model` },
  ];
}

const temperatureText = ({
  temperature,
  jointArea,
}: {
  readonly temperature: number;
  readonly jointArea: number | null;
}) =>
  `1; at ${numberText(temperature)}, where its confidence is as high as its accuracy, ${jointArea === null ? "unknown" : percent(jointArea)} of answers are high-confidence errors over the middle intensities`;

/** What the answer does not say, and what else can cause it. */
function limitsOf({ examined, population, facts }: BackdoorResult): string[] {
  return [
    "A clean result does not exclude a backdoor. Triggers that work for inputs of one class only, or differ from input to input, can leave little trace in answers to noise.",
    "A clean model may look suspicious: one trained on other pictures, on fewer, on unequal classes or wrong labels, with noise or adversarially.",
    ...(population
      ? [
          "The p-value holds for a model trained as the reference's were: same data, same recipe, another seed. A model from elsewhere may differ from them for harmless reasons.",
        ]
      : []),
    ...(noiseOf(examined)?.evidence["tempered"]
      ? [
          "Curves count answers of high confidence, so a model whose confidence is scaled has other curves without answering anything differently; the logit shift does not change with it.",
        ]
      : []),
    ...(facts.geometry ? [] : ["The inputs are not pictures: no patch and no picture of a trigger was searched for."]),
  ];
}
