/**
 * @file One class under suspicion, made visible: inputs that noise sends there, and the smallest trigger that leads there.
 *
 * Titration counts and a trigger's search optimises; neither shows a person anything. These are the pictures, each with
 * what the model answers to it.
 */

import type { PlainRecord } from "../../runtime/jobs.ts";
import { CLEANSE_DEFAULTS, type CleanseRecord, reverseTrigger } from "../backdoor/neural-cleanse.ts";
import { type Answers, compileResponder, UNBOUNDED } from "../backdoor/titration/graph.ts";
import { drawNoise } from "../backdoor/titration/noise.ts";
import { DEFAULT_INPUTS, firstImages } from "../backdoor/titration/titrate.ts";
import { inPrimaryRange, type Mode, type TitrationCurve } from "../backdoor/titration/types.ts";
import { DetectorError, type Material } from "../backdoor/types.ts";
import { pixelIndex } from "../picture.ts";
import { partOf } from "../samples.ts";

/** Noise of one kind and intensity, and the class that it is to lead to. */
export interface NoiseLevel extends PlainRecord {
  readonly mode: Mode;
  readonly sigma: number;
  readonly target: number;
}

/** An input as the model saw it. */
export interface Shown extends PlainRecord {
  readonly label: number;
  readonly answer: number;
  /** Softmax probability of the answer. */
  readonly confidence: number;
  /** [size], within the pixels' range. */
  readonly image: Float32Array;
}

export interface NoisyInputs extends PlainRecord, NoiseLevel {
  /** Inputs of other classes that are answered correctly without noise. */
  readonly inputs: number;
  /** Of these, how many are answered with the target. */
  readonly led: number;
  /** The surest of them, of different classes first. */
  readonly shown: readonly Shown[];
}

export interface TriggerExhibit extends PlainRecord, CleanseRecord {
  /** Inputs that the search saw. */
  readonly searched: number;
  /** Inputs of other classes, correctly answered, that it did not see; and how many of them the trigger sends to the label. */
  readonly trials: number;
  readonly hits: number;
  readonly shown: readonly Shown[];
}

/** Pictures that are shown of each. */
const SHOWN = 4;

/** From this share of inputs on, those that go to the class are more than a few odd ones. */
const TELLING = 0.1;

/**
 * The gentlest noise that sends a telling share of the inputs to the class, wrongly and surely, so that a person still sees
 * what they are; where none does, the noise that sends most. Undefined where none sends any. Real inputs only.
 */
export function gentlestNoise(curves: readonly TitrationCurve[], target: number): NoiseLevel | undefined {
  const levels = curves
    .filter(({ mode }) => mode.base === "real")
    .flatMap(({ mode, points, inputs }) =>
      points
        .filter(({ sigma }) => inPrimaryRange(mode.noise, sigma))
        .map(({ sigma, wrongAnswers }, step) => ({ mode, sigma, target, step, share: wrongAnswers[target]! / inputs })),
    )
    .filter(({ share }) => share > 0)
    .toSorted((a, b) => b.share - a.share);
  const gentlest = levels.filter(({ share }) => share >= TELLING).toSorted((a, b) => a.step - b.step);
  const chosen = gentlest[0] ?? levels[0];
  return chosen && { mode: chosen.mode, sigma: chosen.sigma, target };
}

/**
 * The same inputs with the same noise as titration's curve has at this point.
 * @param material its `random` is titration's
 * @throws DetectorError without inputs or a range
 */
export async function noisyInputs(material: Material, { mode, sigma, target }: NoiseLevel): Promise<NoisyInputs> {
  const { domain, geometry, random, inputs } = material;
  if (!inputs || !domain) throw new DetectorError("pictures of inputs under noise need inputs and the pixels' range");
  const count = Math.min(DEFAULT_INPUTS, inputs.labels.length);
  const images = firstImages(inputs, count);
  const replacing = mode.noise === "salt-and-pepper";
  const noise = drawNoise(mode.noise, random, { count, size: images.length / count, geometry });
  const responder = await compileResponder(material, replacing ? "replacing" : "added");
  const width = replacing ? 1 : domain[1] - domain[0];
  const range = mode.clipped || replacing ? domain : UNBOUNDED;
  const plain = await responder.respondPlain(images, 1);
  const noisy = await responder.respond(images, { noise, sigma: sigma * width, range, temperature: 1 });
  const usable = Array.from(inputs.labels.subarray(0, count), (label, i) =>
    label !== target && plain.classes[i] === label ? i : -1,
  ).filter((i) => i >= 0);
  const led = usable.filter((i) => noisy.classes[i] === target);
  const [low, high] = domain;
  const seen = images.map((value, k) => {
    if (!replacing) return Math.min(high, Math.max(low, value + sigma * width * noise[k]!));
    return Math.abs(noise[k]!) < sigma ? (noise[k]! > 0 ? high : low) : value;
  });
  return {
    mode,
    sigma,
    target,
    inputs: usable.length,
    led: led.length,
    shown: surest(led, noisy, inputs.labels, seen),
  };
}

/** Of different labels first. */
function surest(places: readonly number[], answers: Answers, labels: Int32Array, images: Float32Array): Shown[] {
  const size = images.length / answers.classes.length;
  const falling = places.toSorted((i, j) => answers.confidences[j]! - answers.confidences[i]! || i - j);
  const seen = new Set<number>();
  const first = falling.filter((i) => !seen.has(labels[i]!) && seen.add(labels[i]!));
  const rest = falling.filter((i) => !first.includes(i));
  return [...first, ...rest].slice(0, SHOWN).map((i) => ({
    label: labels[i]!,
    answer: answers.classes[i]!,
    confidence: answers.confidences[i]!,
    image: images.slice(i * size, (i + 1) * size),
  }));
}

/**
 * The smallest trigger for one class, searched as Neural Cleanse does on every second input and measured on the others.
 * @param material its `random` is Neural Cleanse's
 * @throws DetectorError where a trigger cannot be searched for
 */
export async function triggerExhibit(material: Material, label: number): Promise<TriggerExhibit> {
  const { inputs } = material;
  if (!inputs) throw new DetectorError("a trigger is fitted to inputs, and there are none");
  const places = Array.from(inputs.labels, (_, i) => i);
  const half = partOf(
    inputs,
    places.filter((i) => i % 2 === 0),
  );
  const record = await reverseTrigger({ ...material, inputs: half }, { label, ...CLEANSE_DEFAULTS });
  const unseen = partOf(
    inputs,
    places.filter((i) => i % 2 === 1),
  );
  const responder = await compileResponder(material, "added");
  const whole = firstImages(unseen, unseen.labels.length);
  const plain = await responder.respondPlain(whole, 1);
  const stamped = stampTrigger(whole, record, material);
  const answers = await responder.respondPlain(stamped, 1);
  const usable = Array.from(unseen.labels, (own, i) => (own !== label && plain.classes[i] === own ? i : -1)).filter(
    (i) => i >= 0,
  );
  const hits = usable.filter((i) => answers.classes[i] === label);
  return {
    ...record,
    searched: half.labels.length,
    trials: usable.length,
    hits: hits.length,
    shown: surest(hits.length > 0 ? hits : usable, answers, unseen.labels, stamped),
  };
}

/** (1 − mask)·x + mask·pattern, the mask shared by the channels of a pixel. @param images [n · size] */
export function stampTrigger(
  images: Float32Array,
  { mask, pattern }: Pick<CleanseRecord, "mask" | "pattern">,
  { geometry }: Pick<Material, "geometry">,
): Float32Array {
  const size = pattern.length;
  const share = new Float32Array(size);
  if (!geometry || mask.length === size) share.set(mask);
  else {
    const { channels, height, width } = geometry;
    for (let c = 0; c < channels; c++)
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) share[pixelIndex(geometry, c, y, x)] = mask[y * width + x]!;
  }
  return images.map((value, k) => (1 - share[k % size]!) * value + share[k % size]! * pattern[k % size]!);
}
