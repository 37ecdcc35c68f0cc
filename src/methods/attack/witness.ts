/** @file Claims of attacks on classifiers, checked on the model file: each is a query of its own. */

import { type Batch, classification, notANumber, predictedOf, targetSpec } from "../../spec/classification.ts";
import type { Box, Threat } from "../../spec/types.ts";
import { checkWitnesses, judge, type WitnessCheck } from "../../spec/witness.ts";
import { confidenceOf } from "../confidence.ts";
import { type Original, type Representable, representable, runOriginal } from "../original.ts";

/** A point that is claimed to be in S(centre) and to be got wrong. */
export interface Claim {
  readonly point: Float32Array;
  readonly centre: Float32Array;
  readonly label: number;
  /** The class that was to be reached, if any. */
  readonly target?: number | undefined;
  /** The set, where it is a box and not the threat's. */
  readonly box?: Box | undefined;
}

export interface Recheck {
  /** In the set, and misclassified (as the target) by the model file. */
  readonly holds: boolean;
  /** What was run: the claimed point, or the one next to it that the file can be given. */
  readonly point: Float32Array;
  readonly predicted: number;
  /** Logit of the label minus the best other one, by the file's own output (probabilities, where it ends in Softmax). */
  readonly margin: number;
  readonly distance: number;
  /** Some output is not a number: wrong, whatever was asked for. */
  readonly notANumber: boolean;
  /** Softmax probability of `predicted`. */
  readonly confidence: number;
}

/**
 * The claims against the file. Where the file takes fewer values than pixels have (whole numbers, half precision), what is
 * checked is the point next to the claimed one that it can be given, and it must lie in the set itself.
 */
export async function recheck(
  original: Original,
  threat: Threat,
  claims: readonly Claim[],
): Promise<readonly Recheck[]> {
  const found: (Recheck | undefined)[] = claims.map(() => undefined);
  const choices = claims.map(({ point, centre }) => representable(original, point, centre));
  for (let k = 0; k < (choices[0]?.length ?? 0); k++) {
    const open = claims.flatMap((_, i) => (found[i]?.holds ? [] : [i]));
    const checks = await checkPoints(
      original,
      threat,
      open.map((i) => claims[i]!),
      open.map((i) => choices[i]![k]!),
    );
    for (const [row, i] of open.entries()) if (found[i] === undefined || checks[row]!.holds) found[i] = checks[row]!;
  }
  return found as Recheck[];
}

async function checkPoints(
  original: Original,
  threat: Threat,
  claims: readonly Claim[],
  places: readonly Representable[],
): Promise<readonly Recheck[]> {
  if (claims.length === 0) return [];
  const { classes, file, shape } = original;
  const queries = classification(
    { input: { name: file.input }, classes, leastMargin: 0 },
    batchOf(claims, shape),
    threat,
  );
  const checks = await checkWitnesses(
    queries,
    places.map((place, query) => ({ query, inputs: new Map([[file.input, place]]) })),
    (points) => runOriginal(original, points.get(file.input)!),
  );
  return checks.map((check, i) => readout(check, claims[i]!, places[i]!.point, classes));
}

function batchOf(claims: readonly Claim[], shape: readonly number[]): Batch {
  const size = claims[0]!.centre.length;
  const data = new Float32Array(claims.length * size);
  for (const [i, { centre }] of claims.entries()) data.set(centre, i * size);
  const ends = (end: keyof Box) => {
    const all = new Float32Array(data.length);
    for (const [i, { box }] of claims.entries()) all.set(box![end], i * size);
    return all;
  };
  return {
    images: { dtype: "float", shape: [claims.length, ...shape], data },
    labels: Int32Array.from(claims, ({ label }) => label),
    ...(claims[0]!.box && { box: { lower: ends("lower"), upper: ends("upper") } }),
  };
}

function readout(check: WitnessCheck, { label, target }: Claim, point: Float32Array, classes: number): Recheck {
  const { outputs, margin, distance, inside } = check;
  const broken = notANumber(outputs, 0, classes);
  // what is no number is wrong, but it is no class that could be aimed at
  const wrong =
    target === undefined ? check.unsafe : !broken && judge(targetSpec([target], classes), 0, outputs).unsafe;
  const predicted = target !== undefined && wrong ? target : predictedOf(outputs, 0, classes, label);
  const confidence = confidenceOf(outputs, predicted);
  return { holds: wrong && inside, point, predicted, margin, distance, notANumber: broken, confidence };
}
