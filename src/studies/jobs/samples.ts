/** @file Labelled images as a blob: how data sets reach jobs. */

import type { Samples } from "../../methods/samples.ts";
import type { Blobs, PlainRecord } from "../../runtime/jobs.ts";
import { decodeRecords, encodeRecords } from "../../runtime/records.ts";

/** Of a byte, as `samplesOf` makes it. */
const PIXELS = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);

/** A byte a pixel where that is exact, four elsewhere: `decodeSamples` gives back every bit. */
export const encodeSamples = ({ images, shape, labels, classes }: Samples): Uint8Array =>
  encodeRecords([{ shape, classes, labels, images: asBytes(images) ?? images }]);

function asBytes(images: Float32Array): Uint8Array | undefined {
  const bytes = new Uint8Array(images.length);
  for (let i = 0; i < images.length; i++) {
    const byte = Math.round(255 * images[i]!);
    if (!Object.is(PIXELS[byte], images[i])) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}

interface Encoded extends PlainRecord, Omit<Samples, "images"> {
  readonly images: Float32Array | Uint8Array;
}

/** @throws when the bytes are not what `encodeSamples` writes */
export function decodeSamples(bytes: Uint8Array): Samples {
  const [samples] = decodeRecords(bytes) as [Encoded];
  const { images } = samples;
  return { ...samples, images: images instanceof Uint8Array ? Float32Array.from(images, pixelOf) : images };
}

const pixelOf = (byte: number): number => PIXELS[byte]!;

/** Data sets kept on a thread: training, test and scan of two tasks. */
const KEPT = 6;
const known = new Map<string, Promise<Samples>>();

/** The samples with this hash, decoded once on this thread. */
export function samplesAt(hash: string, blobs: Blobs): Promise<Samples> {
  const found = known.get(hash);
  if (found) return found;
  const samples = blobs.get(hash).then(decodeSamples);
  known.set(hash, samples);
  samples.catch(() => known.delete(hash));
  const [oldest] = known.keys();
  if (known.size > KEPT) known.delete(oldest!);
  return samples;
}
