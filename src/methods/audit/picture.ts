/** @file Where the pixels of a picture lie in a model's input. */

import type { Layout } from "../../data/contract.ts";

/** Inputs that are pictures, in the network's layout. */
export interface Geometry {
  readonly channels: 1 | 3;
  readonly height: number;
  readonly width: number;
  readonly layout: Layout;
}

/** Undefined where the inputs are not grey or coloured pictures. */
export function geometryOf(sampleShape: readonly number[], layout: Layout): Geometry | undefined {
  const [channels, height, width] = sampleShape;
  if (sampleShape.length !== 3 || (channels !== 1 && channels !== 3)) return undefined;
  return { channels, height: height!, width: width!, layout };
}

/** The place of a pixel's value in one input. */
export const pixelIndex = ({ channels, height, width, layout }: Geometry, c: number, y: number, x: number): number =>
  layout === "NHWC" ? (y * width + x) * channels + c : (c * height + y) * width + x;

/** One input as planes of channels, as reports show it. */
export function planar(pixels: Float32Array, geometry: Geometry): Float32Array {
  const { channels, height, width } = geometry;
  const out = new Float32Array(pixels.length);
  let at = 0;
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) out[at++] = pixels[pixelIndex(geometry, c, y, x)]!;
  return out;
}
