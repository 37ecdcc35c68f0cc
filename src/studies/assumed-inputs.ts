/** @file How a model takes its inputs, where there are none to tell: pictures are known by the shape of the model's input. */

import type { InferredContract, StatedContract } from "../data/contract.ts";
import { unsupportedInput } from "../graph/fault.ts";
import { type Normalisation, networkOf } from "../methods/network.ts";
import { type Geometry, geometryOf } from "../methods/picture.ts";
import type { Threat } from "../spec/types.ts";
import { normalisationOf } from "./inputs.ts";
import type { ReadModel } from "./jobs/subject.ts";

export interface AssumedInputs {
  /** Of one input, as data would have it. */
  readonly shape: readonly number[];
  readonly contract: InferredContract;
  readonly geometry: Geometry | undefined;
  /** Undefined for inputs that are not taken for pixels. */
  readonly domain: Threat["domain"];
  readonly normalisation: Normalisation | undefined;
}

/** @throws NetworkError, ContractError; UserError (unsupported) where the model leaves sizes open */
export async function assumeInputs(model: ReadModel, stated: StatedContract): Promise<AssumedInputs> {
  const { contractFor } = await import("./contract-for.ts");
  const { input } = networkOf(model.graph, "");
  const sizes = input.shape.slice(1);
  if (!sizes.every((size) => typeof size === "number")) {
    throw unsupportedInput(
      `${model.path}: it takes inputs of any size [${sizes}]; give inputs with --data, which settles it`,
    );
  }
  const { shape, picture } = await dataShape(sizes, stated.layout);
  const range = picture || stated.range ? "0..1" : "unknown";
  const contract = contractFor(model, { modelInputShape: [1, ...sizes], dataset: { shape, range }, stated });
  const pixels = contract.contract.range !== undefined;
  return {
    shape,
    contract,
    geometry: pixels ? geometryOf(shape, contract.contract.layout) : undefined,
    domain: pixels ? [0, 1] : undefined,
    normalisation: normalisationOf(contract.contract, shape, input.shape.length),
  };
}

/** Grey and coloured pictures in either order of axes, or as the usual rows. */
async function dataShape(
  sizes: readonly number[],
  layout: StatedContract["layout"],
): Promise<{ readonly shape: readonly number[]; readonly picture: boolean }> {
  const { FLAT_PICTURES } = await import("../data/convert.ts");
  const row = sizes.length === 1 ? FLAT_PICTURES.get(sizes[0]!) : undefined;
  if (row) return { shape: row, picture: true };
  const [first, second, last] = sizes;
  const channels = (size: number | undefined) => size === 1 || size === 3;
  if (sizes.length !== 3) return { shape: sizes, picture: false };
  if (layout !== "NHWC" && channels(first)) return { shape: sizes, picture: true };
  return channels(last) ? { shape: [last!, first!, second!], picture: true } : { shape: sizes, picture: false };
}
