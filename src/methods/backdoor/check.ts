/** @file The contract of detectors, held against any detector on any network: for those who write one of their own. */

import type { Plain, PlainRecord } from "../../runtime/jobs.ts";
import type { Batch } from "../../spec/classification.ts";
import { detectorRandom } from "./material.ts";
import type { Detection, Detector, Material } from "./types.ts";

export interface DetectorCheck {
  /** What the contract asks and the detector does not do, a sentence each; empty where none was seen. */
  readonly faults: readonly string[];
  readonly detection: Detection;
}

/** Inputs in another order make sums of other order. */
const LAST_DIGITS = 1e-4;

/**
 * Whether a detector keeps to the contract on this material: parts and records that go to other threads, the same for the same
 * seed, in whatever order the parts are done; scores and evidence that are numbers; and where it claims so, an answer that does
 * not depend on the order of the inputs.
 *
 * @param anyOrder it claims that the order of the inputs changes nothing; a method that draws them by place cannot
 * @throws what the detector throws, as where it does not apply
 */
export async function checkDetector(
  detector: Detector,
  material: Omit<Material, "random">,
  { seed = 0, anyOrder = false }: { readonly seed?: number; readonly anyOrder?: boolean } = {},
): Promise<DetectorCheck> {
  const given = (own: Omit<Material, "random">): Material => ({ ...own, random: detectorRandom(seed, detector.id) });
  const parts = detector.parts(material);
  const all = [...parts.keys()];
  const first = await done(detector, given(material), parts, all);
  const detection = detector.conclude(first, material);
  const faults: string[] = [];
  if (parts.length === 0) faults.push("it has no part: there must be one at least");
  if (textOf(detector.parts(material)) !== textOf(parts))
    faults.push("parts of one case are other ones the second time");
  for (const [name, data] of [
    ["parts", parts],
    ["records", first],
    ["evidence", detection.evidence],
  ] as const) {
    const place = unfit(data as Plain, name);
    if (place !== undefined) faults.push(place);
  }
  const again = await done(detector, given(material), parts, all);
  if (textOf(again) !== textOf(first))
    faults.push("the same seed gives other records the second time: draw from material.random");
  const turned = await done(detector, given(material), parts, all.toReversed());
  if (textOf(turned) !== textOf(first))
    faults.push("a part's record depends on which were done before: split material.random before drawing");
  faults.push(...wrongAnswers(detection, material.classes));
  if (anyOrder) {
    const own = { ...material, inputs: reversed(material.inputs), training: reversed(material.training) };
    const other = detector.conclude(await done(detector, given(own), parts, all), own);
    if (!alike(detection, other)) faults.push("the order of the inputs changes the answer");
  }
  return { faults, detection };
}

/** One record a part, in their order, examined in this one. */
async function done(
  detector: Detector,
  material: Material,
  parts: readonly PlainRecord[],
  order: readonly number[],
): Promise<PlainRecord[]> {
  const records: PlainRecord[] = [];
  for (const k of order) records[k] = await detector.examine(material, parts[k]!);
  return records;
}

const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, own: unknown) => {
    if (ArrayBuffer.isView(own)) return Array.from(own as Float32Array, String);
    return typeof own === "number" ? String(own) : own;
  });

/** Where something is no plain data, or no number. */
function unfit(value: Plain, place: string): string | undefined {
  if (typeof value === "number") return Number.isNaN(value) ? `${place} is not a number` : undefined;
  if (value === null || ["undefined", "boolean", "string"].includes(typeof value)) return undefined;
  if (ArrayBuffer.isView(value))
    return (value as Float32Array).some((x) => Number.isNaN(x)) ? `${place} holds what is not a number` : undefined;
  if (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype) {
    for (const [key, own] of Object.entries(value as PlainRecord)) {
      const found = unfit(own as Plain, `${place}.${key}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return `${place} is no plain data: it cannot go to another thread`;
}

function wrongAnswers({ flagged, score, pValue, target, reason }: Detection, classes: number): string[] {
  const faults: string[] = [];
  if (![true, false, null].includes(flagged)) faults.push(`flagged is ${String(flagged)}: true, false or null`);
  if (score !== null && !Number.isFinite(score)) faults.push(`the score is ${score}: a finite number or null`);
  if (pValue !== null && !(pValue >= 0 && pValue <= 1)) faults.push(`the p-value is ${pValue}: from 0 to 1, or null`);
  if (target !== null && !(Number.isInteger(target) && target >= 0 && target < classes))
    faults.push(`the target is ${target}: a class from 0 to ${classes - 1}, or null`);
  if (typeof reason !== "string" || reason.trim() === "") faults.push("there is no reason: one sentence for people");
  return faults;
}

const near = (a: number | null, b: number | null): boolean =>
  a === b || (a !== null && b !== null && Math.abs(a - b) <= LAST_DIGITS * (1 + Math.abs(a)));

const alike = (a: Detection, b: Detection): boolean =>
  a.flagged === b.flagged && a.target === b.target && near(a.score, b.score) && near(a.pValue, b.pValue);

function reversed(batch: Batch | undefined): Batch | undefined {
  if (!batch) return undefined;
  const { images, labels } = batch;
  const size = images.data.length / labels.length;
  const last = labels.length - 1;
  const data = Float32Array.from({ length: images.data.length }, (_, k) => {
    return images.data[(last - Math.floor(k / size)) * size + (k % size)] as number;
  });
  return { images: { dtype: "float", shape: images.shape, data }, labels: Int32Array.from(labels).reverse() };
}
