import jpeg from "jpeg-js";
import { FormatError } from "./error.ts";
import { type Image, MAX_PIXELS } from "./image.ts";

/**
 * Blocks of 64 samples take at least 2 bits in a baseline file; 4096 pixels a byte also admits very flat progressive ones.
 * It keeps a few hundred bytes from claiming a picture of many megapixels.
 */
const MAX_PIXELS_PER_BYTE = 4096;
const MAX_MEMORY_MB = 1024;

export const isJpeg = (bytes: Uint8Array): boolean => bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;

/**
 * Reads a JPEG, baseline or progressive, grey or in colour (grey has one channel, all else is converted to RGB).
 *
 * @throws FormatError when it is damaged or cut short, or claims more pixels than its bytes can hold or than 2²⁴
 */
export function readJpeg(bytes: Uint8Array): Image {
  const frame = readFrame(bytes);
  const pixels = frame.width * frame.height;
  if (pixels === 0) throw new FormatError("JPEG", "the picture has no pixels.");
  if (pixels > MAX_PIXELS || pixels > bytes.length * MAX_PIXELS_PER_BYTE) {
    throw new FormatError("JPEG", `${frame.width}×${frame.height} pixels in ${bytes.length} bytes; refused.`);
  }
  let image: { readonly width: number; readonly height: number; readonly data: Uint8Array };
  try {
    image = jpeg.decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxResolutionInMP: MAX_PIXELS / 1e6,
      maxMemoryUsageInMB: MAX_MEMORY_MB,
    });
  } catch (cause) {
    throw new FormatError("JPEG", `${cause instanceof Error ? cause.message : cause}`, { cause });
  }
  const { width, height, data } = image;
  if (frame.components !== 1) return { width, height, channels: 3, data };
  return { width, height, channels: 1, data: Uint8Array.from({ length: width * height }, (_, i) => data[3 * i]!) };
}

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly components: number;
}

/** The first frame header (SOF0, SOF1 or SOF2). @source ITU-T T.81, annex B */
function readFrame(bytes: Uint8Array): Frame {
  if (!isJpeg(bytes)) throw new FormatError("JPEG", "the file does not begin with JPEG's signature.");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 2;
  while (at + 9 < bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1]!;
    if (marker >= 0xc0 && marker <= 0xc2) {
      return { height: view.getUint16(at + 5), width: view.getUint16(at + 7), components: bytes[at + 9]! };
    }
    // A fill byte may stand before a marker.
    at += marker === 0xff ? 1 : 2 + view.getUint16(at + 2);
  }
  throw new FormatError("JPEG", "no frame header that is read (baseline or progressive Huffman).");
}
