/** @file Initial values of a network's parameters. */

import type { Rng } from "../../random/rng.ts";
import type { DrawnParameter, Model } from "./architectures.ts";

/**
 * - `default`: weights and biases uniform in ±1/√fan_in (what PyTorch does: Kaiming uniform with a = √5).
 * - `he`: weights N(0, 2/fan_in), biases 0 (He et al. 2015, arXiv:1502.01852).
 * - `ibp`: weights N(0, 2π/fan_in²), biases 0; the last layer as `default` (Shi et al. 2021, arXiv:2103.17268, §4.1).
 *
 * Networks with residual blocks take `he` for `default`, as He et al. 2016 (arXiv:1512.03385) do: without normalisation
 * the small weights of `default` would let their signal fade. Every spread is multiplied by the parameter's gain.
 */
export type Initialisation = "default" | "he" | "ibp";

export const INITIALISATIONS = ["default", "he", "ibp"] as const satisfies readonly Initialisation[];

/** @returns [model.size], the flat vector of all parameters; each has a random stream of its own, by name */
export function initialParameters(
  model: Pick<Model, "parameters" | "size" | "branches">,
  kind: Initialisation,
  random: Rng,
): Float32Array {
  const theta = new Float32Array(model.size);
  const fades = kind === "default" && model.branches > 0;
  for (const parameter of model.parameters) {
    const values = theta.subarray(parameter.offset, parameter.offset + parameter.size);
    fill(values, parameter, fades ? "he" : kind, random.split(parameter.name));
  }
  return theta;
}

function fill(
  values: Float32Array,
  { role, fanIn, last, gain }: DrawnParameter,
  kind: Initialisation,
  random: Rng,
): void {
  if (kind === "default" || (kind === "ibp" && last)) {
    const bound = gain / Math.sqrt(fanIn);
    random.fillUniform(values, -bound, bound);
  } else if (role === "weight") {
    const spread = kind === "he" ? Math.sqrt(2 / fanIn) : Math.sqrt(2 * Math.PI) / fanIn;
    random.fillNormal(values, 0, gain * spread);
  }
}
