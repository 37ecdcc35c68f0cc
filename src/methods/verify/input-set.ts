/** @file The perturbation set as graph inputs, and the specification rows, shared by all linear-relaxation verifiers. */

import { float32Tensor, floatTensor } from "../../graph/tensor.ts";
import type { Builder, InputValue, Tensor, Value } from "../../graph/types.ts";
import type { Domain, Domains } from "../../transforms/relax/index.ts";
import type { Network } from "../network.ts";
import { type Batch, boxOf, roundUp, type Threat } from "../problem.ts";

/** Graph inputs that describe S(x) for each sample, and the domains of the network's input that they make. */
export interface InputSet {
  readonly inputs: readonly InputValue[];
  readonly domains: Domains;
}

export const LOWER = "set/lower";
export const UPPER = "set/upper";
const CENTRE = "set/centre";
const RADIUS = "set/radius";

export function inputSet(b: Builder, network: Network, threat: Threat): InputSet {
  const { input } = network;
  const [lower, upper] = [b.input(LOWER, input.shape), b.input(UPPER, input.shape)];
  const box = { lower, upper };
  if (threat.norm === "linf") return { inputs: [lower, upper], domains: domainsOf(input, { box }) };
  const [centre, radius] = [b.input(CENTRE, input.shape), b.input(RADIUS, [])];
  const ball = { norm: threat.norm, centre, radius };
  return { inputs: [lower, upper, centre, radius], domains: domainsOf(input, { box, ball }) };
}

const domainsOf = (input: Value, domain: Domain): Domains => new Map([[input, domain]]);

/** What to feed for a batch. Ends are rounded outward, so that the box contains the set. */
export function inputFeeds({ images, box }: Batch, threat: Threat): Record<string, Tensor> {
  const data = images.data as Float32Array | Float64Array;
  const { lower, upper } = box ?? boxOf(data, threat, data.length / (images.shape[0] || 1));
  const feeds: Record<string, Tensor> = {
    [LOWER]: { dtype: "float", shape: images.shape, data: lower },
    [UPPER]: { dtype: "float", shape: images.shape, data: upper },
  };
  if (threat.norm === "linf") return feeds;
  const radius: Tensor =
    data instanceof Float64Array
      ? floatTensor([], [threat.epsilon])
      : float32Tensor([], Float32Array.of(roundUp(threat.epsilon)));
  return { ...feeds, [CENTRE]: images, [RADIUS]: radius };
}

export const SPEC = "spec";

/** Rows e_y − e_j for every class j ≠ y in increasing order: [n, classes − 1, classes]. */
export function marginSpec(labels: ArrayLike<number>, classes: number): Tensor {
  const rows = new Float32Array(labels.length * (classes - 1) * classes);
  for (let i = 0; i < labels.length; i++) {
    for (let r = 0; r < classes - 1; r++) {
      const at = (i * (classes - 1) + r) * classes;
      rows[at + labels[i]!] = 1;
      rows[at + (r < labels[i]! ? r : r + 1)] = -1;
    }
  }
  return float32Tensor([labels.length, classes - 1, classes], rows);
}
