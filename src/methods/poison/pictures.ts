/** @file What the triggers share: blocks of pixels, and a look at every pixel. */

import { SamplesError } from "../samples.ts";
import type { Pictures } from "./types.ts";

/** Copies with every pixel replaced by what `pixel` makes of it; its channel, row and column, and the picture's number. */
export function mapPixels(
  { images, shape: [channels, height, width] }: Pictures,
  pixel: (value: number, channel: number, y: number, x: number, n: number) => number,
): Float32Array {
  const out = new Float32Array(images.length);
  const count = images.length / (channels * height * width);
  let i = 0;
  for (let n = 0; n < count; n++)
    for (let c = 0; c < channels; c++)
      for (let y = 0; y < height; y++) for (let x = 0; x < width; x++, i++) out[i] = pixel(images[i]!, c, y, x, n);
  return out;
}

export const clampPixel = (value: number): number => Math.min(1, Math.max(0, value));

/** A square of pixels. */
export interface Block {
  readonly top: number;
  readonly left: number;
  readonly size: number;
}

/** @throws SamplesError when the block does not fit */
export function blockOf(
  { size, margin, at }: { readonly size: number; readonly margin: number; readonly at?: [number, number] | undefined },
  [, height, width]: Pictures["shape"],
): Block {
  const [top, left] = at ?? [height - margin - size, width - margin - size];
  if (top >= 0 && left >= 0 && top + size <= height && left + size <= width) return { top, left, size };
  const place = at ? `at row ${top}, column ${left}` : `with margin ${margin}`;
  throw new SamplesError(`a trigger of ${size}×${size} pixels ${place} does not fit an image of ${height}×${width}`);
}

/** Copies with the blocks written over, in all channels. @param value by the row and column in the block */
export function stampBlocks(
  { images, shape: [channels, height, width] }: Pictures,
  blocks: readonly Block[],
  value: (row: number, column: number) => number,
): Float32Array {
  const out = images.slice();
  const planes = (images.length / (channels * height * width)) * channels;
  for (let plane = 0; plane < planes; plane++)
    for (const { top, left, size } of blocks)
      for (let row = 0; row < size; row++)
        for (let column = 0; column < size; column++)
          out[(plane * height + top + row) * width + left + column] = value(row, column);
  return out;
}
