/** @file How a camera was held: the orientation that a JPEG's EXIF segment states, and pictures turned by it. */

import type { Image } from "./image.ts";

/** 1 (as it lies) … 8. @source CIPA DC-008 (EXIF 2.32), tag 0x0112 */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

const ORIENTATION_TAG = 0x0112;
const SHORT = 3;

/** 1 where none is stated, or what states it is damaged: then a picture is shown as it lies. */
export function orientationOf(jpeg: Uint8Array): Orientation {
  const view = new DataView(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength);
  let at = 2;
  while (at + 4 <= jpeg.length && jpeg[at] === 0xff) {
    const marker = jpeg[at + 1]!;
    if (marker === 0xda || marker === 0xd9) break;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const length = view.getUint16(at + 2);
    if (marker === 0xe1 && isExif(jpeg, at + 4)) {
      return inDirectory(jpeg.subarray(at + 10, Math.min(jpeg.length, at + 2 + length)));
    }
    at += 2 + length;
  }
  return 1;
}

const isExif = (bytes: Uint8Array, at: number): boolean =>
  [0x45, 0x78, 0x69, 0x66, 0, 0].every((byte, i) => bytes[at + i] === byte);

/** Reads the first directory of a TIFF block. */
function inDirectory(tiff: Uint8Array): Orientation {
  if (tiff.length < 8) return 1;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const little = tiff[0] === 0x49;
  const start = view.getUint32(4, little);
  if (start + 2 > tiff.length) return 1;
  const entries = view.getUint16(start, little);
  for (let k = 0; k < entries; k++) {
    const entry = start + 2 + 12 * k;
    if (entry + 12 > tiff.length) return 1;
    if (view.getUint16(entry, little) !== ORIENTATION_TAG || view.getUint16(entry + 2, little) !== SHORT) continue;
    const value = view.getUint16(entry + 8, little);
    return value >= 1 && value <= 8 ? (value as Orientation) : 1;
  }
  return 1;
}

/** Where a pixel of the upright picture of height h and width w lies in the file's. */
const SOURCE: Readonly<Record<Orientation, (y: number, x: number, h: number, w: number) => readonly [number, number]>> =
  {
    1: (y, x) => [y, x],
    2: (y, x, _h, w) => [y, w - 1 - x],
    3: (y, x, h, w) => [h - 1 - y, w - 1 - x],
    4: (y, x, h) => [h - 1 - y, x],
    5: (y, x) => [x, y],
    6: (y, x, _h, w) => [w - 1 - x, y],
    7: (y, x, h, w) => [w - 1 - x, h - 1 - y],
    8: (y, x, h) => [x, h - 1 - y],
  };

/** The picture upright. */
export function upright(image: Image, orientation: Orientation): Image {
  if (orientation === 1) return image;
  const swapped = orientation >= 5;
  const [height, width] = swapped ? [image.width, image.height] : [image.height, image.width];
  const { channels } = image;
  const data = new Uint8Array(image.data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [fromY, fromX] = SOURCE[orientation](y, x, height, width);
      for (let c = 0; c < channels; c++) {
        data[(y * width + x) * channels + c] = image.data[(fromY * image.width + fromX) * channels + c]!;
      }
    }
  }
  return { height, width, channels, data, turned: true };
}
