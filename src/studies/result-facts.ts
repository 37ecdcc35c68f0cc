/** @file What a result says of its model, data, contract and run, so that it can be understood and repeated by itself. */

import { labelOf } from "../data/classes.ts";
import { bytesOf, type Digest } from "../runtime/hash.ts";
import type { Examination } from "./examination.ts";
import type { ResultFile } from "./result-schema.ts";

/** What only the caller knows. */
export interface Provenance {
  /** As typed. */
  readonly command?: string | undefined;
  /** Versions and machine. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

export function modelFacts({ path, sha256, external, choice }: Examination["model"]): ResultFile["model"] {
  const { output = null, input = null, bound } = choice;
  return { path, sha256, external, output, input, ...(bound && { bound }) };
}

export function dataFacts(
  { inputs: { dataset, drawn }, labelled }: Pick<Examination, "inputs" | "labelled">,
  digest: Digest,
): ResultFile["data"] {
  const { name, source, sha256, images, labels, shape, steps, notes } = dataset;
  return {
    name,
    source,
    sha256: sha256 ?? null,
    inputsSha256: digest(bytesOf(images)),
    labelsSha256: labels ? digest(bytesOf(labels)) : null,
    labelled,
    drawn: drawn ?? { how: "given", limit: null, sample: null },
    shape,
    steps: steps ?? [],
    notes,
  };
}

export function contractFacts({ contract, naming, factor, fixed }: Examination["inputs"]): ResultFile["contract"] {
  const { layout, shape, range, mean, std, classOrder } = contract.contract;
  return {
    layout,
    shape,
    range: range ?? null,
    mean,
    std,
    classOrder: classOrder?.map((_, output) => labelOf(naming, output)) ?? null,
    scale: factor ? Array.from(factor) : null,
    fixed,
    basis: contract.items,
  };
}
