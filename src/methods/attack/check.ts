/** @file The contract of attacks, held against any attack on any network: for those who write one of their own. */

import { exportOnnx } from "../../formats/onnx/export.ts";
import type { Runtime } from "../../runtime/session.ts";
import { distances } from "../../spec/sets.ts";
import type { Threat } from "../../spec/types.ts";
import type { Network } from "../network.ts";
import { originalOf } from "../original.ts";
import type { Attack, AttackBatch, Attempt } from "./types.ts";
import { recheck } from "./witness.ts";

/** Distances are computed in float64 of points in float32. */
const ROUNDING = 1e-6;

export interface AttackCheck {
  /** What the contract asks and the attack does not do, a sentence each; empty where it keeps to it. */
  readonly faults: readonly string[];
  /** Of the inputs, so many were falsified: where it is none, little was checked. */
  readonly falsified: number;
}

/**
 * Whether an attack keeps to the contract on these inputs: one attempt an input, of its size; every point in its set; what is
 * called a success is one on the model file; and the same bits for the same seed, in any batch.
 *
 * @param batch inputs that the network answers as they are labelled
 * @throws what the attack throws, as where it does not apply
 */
export async function checkAttack(
  attack: Attack,
  { network, runtime }: { readonly network: Network; readonly runtime: Pick<Runtime, "compile" | "openModel"> },
  batch: AttackBatch,
  { threat, seed = 0 }: { readonly threat: Threat; readonly seed?: number },
): Promise<AttackCheck> {
  const run = async (inputs: AttackBatch): Promise<readonly Attempt[]> => {
    await using prepared = await attack.prepare(network, runtime, { threat, seed });
    return await prepared.attack(inputs);
  };
  const count = batch.labels.length;
  const size = batch.images.data.length / Math.max(1, count);
  const attempts = await run(batch);
  const falsified = attempts.filter(({ success }) => success).length;
  if (attempts.length !== count)
    return { faults: [`${attempts.length} attempts for ${count} inputs: there must be one each`], falsified };
  const wrong = attempts.findIndex(({ adversarial }) => adversarial.length !== size);
  if (wrong >= 0) {
    const { length } = attempts[wrong]!.adversarial;
    return { faults: [`the point for input ${wrong} has ${length} numbers, the input ${size}`], falsified };
  }
  const faults = await placesAndClaims(network, runtime, threat, batch, attempts);
  if (!same(attempts, await run(batch))) faults.push("the same seed gives other points the second time");
  const backwards = Array.from(batch.labels.keys()).reverse();
  const turned = (await run(ordered(batch, backwards, size))).toReversed();
  if (!same(attempts, turned))
    faults.push("an input's point depends on its place in the batch: take random numbers from streamOf");
  return { faults, falsified };
}

async function placesAndClaims(
  network: Network,
  runtime: Pick<Runtime, "openModel">,
  threat: Threat,
  { images, labels }: AttackBatch,
  attempts: readonly Attempt[],
): Promise<string[]> {
  const size = images.data.length / labels.length;
  const claims = attempts.map(({ adversarial }, i) => ({
    point: adversarial,
    centre: Float32Array.from(images.data.subarray(i * size, (i + 1) * size)),
    label: labels[i]!,
  }));
  await using session = await runtime.openModel(exportOnnx(network.graph));
  const checks = await recheck(originalOf(session, network), threat, claims);
  const [low, high] = threat.domain ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  return attempts.flatMap(({ success, adversarial }, i) => {
    const away = distances[threat.norm](adversarial, claims[i]!.centre);
    const inside =
      away <= threat.epsilon * (1 + ROUNDING) && adversarial.every((value) => value >= low && value <= high);
    if (!inside) return [`the point for input ${i} is not in its set: ${threat.norm} distance ${away}`];
    if (success && !checks[i]!.holds) return [`input ${i} is called falsified, and the model file says otherwise`];
    if (!success && checks[i]!.holds) return [`input ${i} is falsified by its point, and is not called so`];
    return [];
  });
}

const same = (a: readonly Attempt[], b: readonly Attempt[]): boolean =>
  a.length === b.length &&
  a.every(({ adversarial }, i) => adversarial.every((x, k) => Object.is(x, b[i]!.adversarial[k])));

function ordered({ images, labels, indices }: AttackBatch, places: readonly number[], size: number): AttackBatch {
  const data = new Float32Array(images.data.length);
  for (const [to, from] of places.entries())
    data.set((images.data as Float32Array).subarray(from * size, (from + 1) * size), to * size);
  return {
    images: { dtype: "float", shape: images.shape, data },
    labels: Int32Array.from(places, (i) => labels[i]!),
    indices: Int32Array.from(places, (i) => indices[i]!),
  };
}
