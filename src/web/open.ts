/** @file A model and samples in memory, opened for studies. */

import type { StatedContract } from "../data/contract.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Choice } from "../formats/onnx/choose.ts";
import { usage } from "../graph/fault.ts";
import type { WebOptions } from "../runtime/web.ts";
import { type Examination, type ExamineOptions, examine } from "../studies/examination.ts";
import { inputsFor } from "../studies/inputs.ts";
import { readBlob } from "../studies/jobs/subject.ts";
import { type WebPlace, webPlace } from "./place.ts";

/** Samples as they stand in their source, a row each. */
export interface Samples {
  /** [count, …shape] */
  readonly images: ArrayLike<number>;
  /** Of one sample: [channels, height, width], or [features]. */
  readonly shape: readonly number[];
  readonly labels?: ArrayLike<number> | undefined;
  /** Names them in results. */
  readonly name?: string | undefined;
  /** Where black and white lie: 0..255, 0..1, or two numbers; `unknown` for what is no picture. By default 0..1. */
  readonly range?: Dataset["range"] | undefined;
}

export interface ExamineBytesOptions extends WebOptions, Omit<ExamineOptions, "place" | "host" | "device" | "resume"> {
  readonly samples: Samples;
  /** Names the model in messages and results. */
  readonly name?: string | undefined;
  /** Which output and input, and the sizes that the file leaves open. */
  readonly choice?: Choice | undefined;
  /** How the model takes its inputs, where that cannot be told. */
  readonly stated?: StatedContract | undefined;
}

/**
 * The model's answers to the samples: what a study begins with.
 * @param bytes of an ONNX file that holds its weights itself
 * @throws OnnxError, ContractError, NetworkError, and as `examine`
 */
export async function examineBytes(
  bytes: Uint8Array,
  { samples, name = "model.onnx", choice = {}, stated = {}, wasm, ...options }: ExamineBytesOptions,
): Promise<Examination & { readonly place: WebPlace }> {
  const place = webPlace({ wasm });
  const model = await readBlob(
    { fileName: name, model: await place.keep(bytes), external: [], choice },
    place.host.blobs,
  );
  const inputs = await inputsFor(model, datasetOf(samples), { stated });
  return { ...(await examine(model, inputs, { ...options, place, host: place.host })), place };
}

function datasetOf({ images, shape, labels, name = "samples", range = "0..1" }: Samples): Dataset {
  const count = images.length / shape.reduce((product, size) => product * size, 1);
  if (!Number.isInteger(count) || count < 1 || (labels && labels.length !== count)) {
    const given = labels ? `${images.length} values and ${labels.length} labels` : `${images.length} values`;
    throw usage(`${name}: ${given} are no whole number of labelled samples of [${shape}]`);
  }
  return {
    name,
    images: Float32Array.from(images),
    shape,
    ...(labels && { labels: Int32Array.from(labels) }),
    range,
    indices: Int32Array.from({ length: count }, (_, i) => i),
    source: "given by the program",
    notes: [],
  };
}
