/** @file Where the pixels of a picture lie in a model's input. */

import type { Layout } from "../data/contract.ts";

/** Inputs that are pictures, in the network's layout. */
export interface Geometry {
  readonly channels: 1 | 3;
  readonly height: number;
  readonly width: number;
  readonly layout: Layout;
  /** The model takes blue as the first channel; pictures are shown with red first. */
  readonly blueFirst?: true;
}

/** Undefined where the inputs are not grey or coloured pictures. */
export function geometryOf(sampleShape: readonly number[], layout: Layout, blueFirst = false): Geometry | undefined {
  const [channels, height, width] = sampleShape;
  if (sampleShape.length !== 3 || (channels !== 1 && channels !== 3)) return undefined;
  return { channels, height: height!, width: width!, layout, ...(blueFirst && { blueFirst }) };
}

/** The place of a pixel's value in one input. */
export const pixelIndex = ({ channels, height, width, layout }: Geometry, c: number, y: number, x: number): number =>
  layout === "NHWC" ? (y * width + x) * channels + c : (c * height + y) * width + x;

/** One input as planes of channels, red first, as reports show it. */
export function planar(pixels: Float32Array, geometry: Geometry): Float32Array {
  const { channels, height, width, blueFirst } = geometry;
  const out = new Float32Array(pixels.length);
  let at = 0;
  for (let c = 0; c < channels; c++) {
    const from = blueFirst ? channels - 1 - c : c;
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) out[at++] = pixels[pixelIndex(geometry, from, y, x)]!;
  }
  return out;
}
