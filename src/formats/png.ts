import { convertIndexedToRgb, decode, encode } from "fast-png";
import { FormatError } from "./error.ts";
import { crc32, unzlib } from "./gzip.ts";
import { type Image, MAX_PIXELS } from "./image.ts";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] as const;
/** All that decides the pixels. Others are dropped unread: text and colour profiles may hide compressed bombs. */
const NEEDED_CHUNKS = ["IHDR", "PLTE", "tRNS", "IDAT", "IEND"];
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

export const isPng = (bytes: Uint8Array): boolean => SIGNATURE.every((byte, i) => bytes[i] === byte);

/**
 * Reads a PNG. 16-bit samples are rounded to 8 bits, 1 to 4 bits are stretched to 0 … 255, palettes become RGB or RGBA;
 * gamma and colour profiles are not applied.
 *
 * @throws FormatError when it is damaged, or claims more pixels than its bytes can hold or than 2²⁴
 */
export function readPng(bytes: Uint8Array): Image {
  const chunks = readChunks(bytes);
  const { width, height, indexed } = checkSize(chunks);
  try {
    const png = decode(joinChunks(chunks));
    const data = indexed ? Uint8Array.from(convertIndexedToRgb(png)) : toEightBits(png, width, height);
    const channels = data.length / (width * height);
    if (channels === 1 || channels === 2 || channels === 3 || channels === 4) return { width, height, channels, data };
  } catch (cause) {
    throw new FormatError("PNG", `${(cause as Error).message}`, { cause });
  }
  throw new FormatError("PNG", "the picture is damaged.");
}

/** @throws FormatError when the data's length is not width · height · channels */
export function writePng({ width, height, channels, data }: Image): Uint8Array {
  if (data.length !== width * height * channels) {
    throw new FormatError("PNG", `${data.length} bytes are no ${width}×${height} picture of ${channels} channels.`);
  }
  return encode({ width, height, channels, data, depth: 8 });
}

interface Chunk {
  readonly type: string;
  readonly body: Uint8Array;
  /** Length, type, body and checksum as they stand in the file. */
  readonly whole: Uint8Array;
}

function readChunks(bytes: Uint8Array): Chunk[] {
  if (!isPng(bytes)) throw new FormatError("PNG", "the file does not begin with PNG's signature.");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Chunk[] = [];
  let at = 8;
  while (at + 12 <= bytes.length) {
    const length = view.getUint32(at);
    const end = at + 12 + length;
    if (end > bytes.length) break;
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (NEEDED_CHUNKS.includes(type)) {
      if (crc32(bytes.subarray(at + 4, end - 4)) !== view.getUint32(end - 4)) {
        throw new FormatError("PNG", `the checksum of chunk ${type} is wrong.`);
      }
      chunks.push({ type, body: bytes.subarray(at + 8, end - 4), whole: bytes.subarray(at, end) });
    }
    if (type === "IEND") return chunks;
    at = end;
  }
  throw new FormatError("PNG", "the file is cut short.");
}

interface Header {
  readonly width: number;
  readonly height: number;
  /** Samples are places in a palette. */
  readonly indexed: boolean;
}

/** The header, after the compressed pixels were seen to be as many as it says. */
function checkSize(chunks: readonly Chunk[]): Header {
  const header = chunks[0];
  if (header?.type !== "IHDR" || header.body.length !== 13 || chunks.filter((c) => c.type === "IHDR").length !== 1) {
    throw new FormatError("PNG", "the header is damaged.");
  }
  const view = new DataView(header.body.buffer, header.body.byteOffset, 13);
  const width = view.getUint32(0);
  const height = view.getUint32(4);
  const depth = view.getUint8(8);
  const colourType = view.getUint8(9);
  const interlaced = view.getUint8(12) !== 0;
  const channels = CHANNELS[colourType];
  if (width === 0 || height === 0 || channels === undefined || ![1, 2, 4, 8, 16].includes(depth)) {
    throw new FormatError("PNG", "the header is damaged.");
  }
  if (width * height > MAX_PIXELS) {
    throw new FormatError("PNG", `${width}×${height} pixels are more than the ${MAX_PIXELS} that are read.`);
  }
  if (interlaced && depth < 8) throw new FormatError("PNG", "interlaced with fewer than 8 bits; save it plainly.");
  const expected = scanlineBytes(width, height, channels * depth, interlaced);
  const compressed = concatenate(chunks.filter((c) => c.type === "IDAT").map((c) => c.body));
  if (unzlib(compressed, { maxBytes: expected }).length !== expected) {
    throw new FormatError("PNG", `the header claims ${width}×${height} pixels, but fewer are there.`);
  }
  return { width, height, indexed: colourType === 3 };
}

/** Adam7: first column, first row, column step, row step of each pass. @source PNG specification, section 8.2 */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** A filter byte and the samples, padded to a byte, for every row of every pass. */
function scanlineBytes(width: number, height: number, bitsPerPixel: number, interlaced: boolean): number {
  const passes = interlaced ? PASSES : ([[0, 0, 1, 1]] as const);
  return passes.reduce((sum, [x, y, stepX, stepY]) => {
    const columns = Math.ceil((width - x) / stepX);
    const rows = Math.ceil((height - y) / stepY);
    return columns > 0 && rows > 0 ? sum + rows * (1 + Math.ceil((columns * bitsPerPixel) / 8)) : sum;
  }, 0);
}

const joinChunks = (chunks: readonly Chunk[]): Uint8Array =>
  concatenate([Uint8Array.from(SIGNATURE), ...chunks.map((c) => c.whole)]);

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Samples of fewer than 8 bits come packed, rows padded to a byte. */
function toEightBits({ data, depth, channels }: ReturnType<typeof decode>, width: number, height: number): Uint8Array {
  if (depth === 16) return Uint8Array.from(data, (sample) => Math.round(sample / 257));
  if (depth === 8) return Uint8Array.from(data);
  const out = new Uint8Array(width * height * channels);
  const rowBytes = Math.ceil((width * depth) / 8);
  const most = 2 ** depth - 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      const sample = (data[y * rowBytes + (bit >> 3)]! >> (8 - depth - (bit & 7))) & most;
      out[y * width + x] = Math.round((sample * 255) / most);
    }
  }
  return out;
}
