/** @file What a model and its data must have in common with a population for scores to be comparable. */

import { bindBatch } from "../../graph/bind.ts";
import { topological } from "../../graph/traverse.ts";
import type { Graph, Value } from "../../graph/types.ts";
import { builder } from "../../ops/index.ts";
import { canonicalJson, type Digest, hashText } from "../../runtime/hash.ts";
import type { Batch } from "../../spec/classification.ts";
import { mean as meanOf } from "../../stats/summary.ts";
import { type Geometry, pixelIndex } from "../picture.ts";
import type { Population } from "./types.ts";

export type DataFacts = Population["task"]["data"];

/**
 * Hash of a network's structure: ops, attributes, wiring and shapes. Weights do not count, nor does whether the batch is
 * open or fixed to 1.
 */
export function architectureHash(graph: Graph, digest?: Digest): string {
  const single = bindBatch(builder(), graph, 1);
  const numbers = new Map<Value, number>();
  const lines: string[] = [];
  for (const value of topological(single.outputs.map((output) => output.value))) {
    numbers.set(value, numbers.size);
    const wiring =
      value.kind === "node"
        ? `${value.op}(${value.inputs.map((input) => numbers.get(input))}) ${canonicalJson(value.attrs)}`
        : value.kind;
    lines.push(`${wiring} ${value.dtype}[${value.shape}]`);
  }
  return hashText(lines.join("\n"), digest);
}

/**
 * How large the weights are: root of the mean square of each convolution's and dense layer's weights, in the order of the
 * network. Training for other lengths, with other penalties or for other aims changes them; a backdoor hardly does.
 */
export function weightScales(graph: Graph): number[] {
  return topological(graph.outputs.map(({ value }) => value)).flatMap((node) => {
    if (node.kind !== "node" || (node.op !== "MatMul" && node.op !== "Conv")) return [];
    const weight = node.inputs[1];
    if (weight?.kind !== "constant") return [];
    const { data } = weight.tensor;
    let squares = 0;
    for (let i = 0; i < data.length; i++) squares += data[i]! ** 2;
    return [rounded(Math.sqrt(squares / data.length))];
  });
}

/** Blocks a side of the coarse mean picture. */
const BLOCKS = 7;

/**
 * What the inputs look like on the whole.
 * @param batch pixels in [0, 1], in the network's layout
 * @param geometry undefined where they are no pictures
 */
export function dataFacts(name: string, { images }: Batch, geometry: Geometry | undefined): DataFacts {
  const { data } = images;
  const mean = meanOf(data);
  let squares = 0;
  for (const value of data) squares += (value - mean) ** 2;
  const std = Math.sqrt(squares / data.length);
  const [count = 0] = images.shape;
  const coarse = geometry ? coarsePicture(data, count, geometry) : [];
  return { name, mean: rounded(mean), std: rounded(std), coarse: coarse.map(rounded) };
}

const rounded = (value: number): number => Number(value.toFixed(5));

/** Means over pictures and blocks of the first channel, [BLOCKS × BLOCKS]. */
function coarsePicture(data: Batch["images"]["data"], count: number, geometry: Geometry): number[] {
  const { channels, height, width } = geometry;
  const sums = new Array<number>(BLOCKS * BLOCKS).fill(0);
  const sizes = new Array<number>(BLOCKS * BLOCKS).fill(0);
  const size = channels * height * width;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const block = Math.floor((y * BLOCKS) / height) * BLOCKS + Math.floor((x * BLOCKS) / width);
      const at = pixelIndex(geometry, 0, y, x);
      for (let n = 0; n < count; n++) sums[block]! += data[n * size + at]!;
      sizes[block]! += count;
    }
  // a picture of fewer rows or columns than blocks leaves some empty
  return sums.map((sum, i) => (sizes[i] === 0 ? 0 : sum / sizes[i]!));
}
