import { type FlateStreamHandler, gzipSync, Inflate, Unzlib } from "fflate";
import { FormatError } from "./error.ts";

/** Deflate expands at most 1032-fold, so pushing this much at a time yields at most 16 MiB beyond a limit. */
const PIECE = 16 * 1024;

/** Fits CIFAR-10's training set as float32 (614 MB); what is larger should come in parts. */
export const MAX_INFLATED_BYTES = 2 ** 30;

export interface InflateOptions {
  /** More output than this is refused; memory use stays within this and 16 MiB. */
  readonly maxBytes?: number;
}

export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

export const gzip = (bytes: Uint8Array): Uint8Array => gzipSync(bytes, { mtime: 0 });

/**
 * Undoes gzip (one member, as gzip writes it). The size written in the file is not trusted: memory grows with what really
 * comes out. Length and checksum are verified.
 *
 * @throws FormatError when the bytes are no whole gzip file, or more than `maxBytes` come out
 */
export function gunzip(bytes: Uint8Array, { maxBytes = MAX_INFLATED_BYTES }: InflateOptions = {}): Uint8Array {
  const start = headerLength(bytes);
  const end = bytes.length - 8;
  if (end <= start) throw new FormatError("gzip", "the file is cut short.");
  const out = inflateBounded("gzip", new Inflate(), bytes.subarray(start, end), maxBytes);
  const trailer = new DataView(bytes.buffer, bytes.byteOffset + end, 8);
  if (trailer.getUint32(4, true) !== out.length % 2 ** 32 || trailer.getUint32(0, true) !== crc32(out)) {
    throw new FormatError(
      "gzip",
      "length or checksum is wrong. The file is cut short, damaged or several files in one.",
    );
  }
  return out;
}

/** @source RFC 1952, section 2.3 */
function headerLength(bytes: Uint8Array): number {
  if (!isGzip(bytes) || bytes[2] !== 8) {
    throw new FormatError("gzip", "the file does not begin with gzip's signature 1f 8b 08.");
  }
  const flags = bytes[3] ?? 0;
  let at = 10;
  if (flags & 4) at += 2 + (bytes[at] ?? 0) + 256 * (bytes[at + 1] ?? 0);
  for (const nameOrComment of [8, 16]) {
    if (flags & nameOrComment) {
      while (at < bytes.length && bytes[at] !== 0) at++;
      at++;
    }
  }
  return flags & 2 ? at + 2 : at;
}

/** Undoes raw deflate, as in ZIP entries; bounded like `gunzip`. */
export const inflate = (bytes: Uint8Array, { maxBytes = MAX_INFLATED_BYTES }: InflateOptions = {}): Uint8Array =>
  inflateBounded("deflate", new Inflate(), bytes, maxBytes);

/** Undoes zlib, as in PNG; bounded like `gunzip`. */
export const unzlib = (bytes: Uint8Array, { maxBytes = MAX_INFLATED_BYTES }: InflateOptions = {}): Uint8Array =>
  inflateBounded("zlib", new Unzlib(), bytes, maxBytes);

interface Inflater {
  ondata: FlateStreamHandler;
  push(chunk: Uint8Array, final?: boolean): void;
}

function inflateBounded(format: string, inflater: Inflater, bytes: Uint8Array, maxBytes: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  let total = 0;
  inflater.ondata = (chunk: Uint8Array) => {
    total += chunk.length;
    if (total > maxBytes) throw new FormatError(format, `more than ${maxBytes} bytes come out; refused.`);
    chunks.push(chunk);
  };
  try {
    for (let start = 0; start < bytes.length; start += PIECE) {
      const end = Math.min(start + PIECE, bytes.length);
      inflater.push(bytes.subarray(start, end), end === bytes.length);
    }
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw new FormatError(format, "the compressed bytes are cut short or damaged.", { cause });
  }
  const out = new Uint8Array(total);
  let offset = 0;
  for (const chunk of chunks) {
    out.set(chunk, offset);
    offset += chunk.length;
  }
  return out;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let c = byte;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** The checksum of gzip, ZIP and PNG. @returns an unsigned 32-bit number */
export function crc32(bytes: Uint8Array): number {
  let c = -1;
  for (let i = 0; i < bytes.length; i++) c = CRC_TABLE[(c ^ bytes[i]!) & 255]! ^ (c >>> 8);
  return ~c >>> 0;
}
