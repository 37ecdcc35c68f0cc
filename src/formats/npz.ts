import { zipSync } from "fflate";
import type { NdArray } from "./array.ts";
import { FormatError } from "./error.ts";
import { crc32, type InflateOptions, inflate, MAX_INFLATED_BYTES } from "./gzip.ts";
import { readNpy, writeNpy } from "./npy.ts";

const END_RECORD = 0x06054b50;
const CENTRAL_RECORD = 0x02014b50;
const LOCAL_RECORD = 0x04034b50;
const MAX_ENTRIES = 10_000;

/** A ZIP archive begins with its first entry. */
export const isZip = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;

/**
 * Reads every array of an NPZ file, by name (without `.npy`). All entries together may inflate to `maxBytes`; checksums
 * are verified.
 *
 * @throws FormatError when it is no such archive, an entry is damaged, encrypted or of ZIP64, or a name occurs twice
 */
export function readNpz(
  bytes: Uint8Array,
  { maxBytes = MAX_INFLATED_BYTES }: InflateOptions = {},
): ReadonlyMap<string, NdArray> {
  const arrays = new Map<string, NdArray>();
  let left = maxBytes;
  for (const entry of readDirectory(bytes)) {
    if (!entry.name.endsWith(".npy")) continue;
    const name = entry.name.slice(0, -".npy".length);
    if (arrays.has(name)) throw new FormatError("NPZ", `two arrays are called "${name}".`);
    const content = readEntry(bytes, entry, left);
    left -= content.length;
    try {
      arrays.set(name, readNpy(content));
    } catch (cause) {
      throw new FormatError("NPZ", `array "${name}": ${(cause as Error).message}`, { cause });
    }
  }
  return arrays;
}

/** Deflated, in the order given; the same arrays give the same bytes. */
export function writeNpz(arrays: Readonly<Record<string, NdArray>>): Uint8Array {
  const files = Object.entries(arrays).map(([name, array]) => [`${name}.npy`, writeNpy(array)] as const);
  return zipSync(Object.fromEntries(files), { mtime: "1980-01-01T12:00:00" });
}

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly compressed: number;
  readonly size: number;
  readonly offset: number;
}

/** The central directory. @source PKWARE APPNOTE 6.3, sections 4.3.12 and 4.3.16 */
function readDirectory(bytes: Uint8Array): Entry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = findEnd(view);
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  if (count > MAX_ENTRIES) throw new FormatError("NPZ", `${count} entries; at most ${MAX_ENTRIES} are read.`);
  const entries: Entry[] = [];
  for (let i = 0; i < count; i++) {
    if (at + 46 > end || view.getUint32(at, true) !== CENTRAL_RECORD) {
      throw new FormatError("NPZ", "the archive's directory is damaged.");
    }
    const nameLength = view.getUint16(at + 28, true);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    if (view.getUint16(at + 8, true) & 1) throw new FormatError("NPZ", `entry "${name}" is encrypted.`);
    entries.push({
      name,
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      compressed: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    });
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return entries;
}

/** The end record lies in the last 65,557 bytes: 22 of its own and a comment of at most 65,535. */
function findEnd(view: DataView): number {
  for (let at = view.byteLength - 22; at >= Math.max(0, view.byteLength - 65_557); at--) {
    if (view.getUint32(at, true) === END_RECORD) return at;
  }
  throw new FormatError("NPZ", "no ZIP archive, or its end is cut off.");
}

function readEntry(bytes: Uint8Array, entry: Entry, maxBytes: number): Uint8Array {
  const { name, offset, compressed, size } = entry;
  if (size > maxBytes) throw new FormatError("NPZ", `the arrays together hold more than the limit of bytes; refused.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (offset + 30 > bytes.length || view.getUint32(offset, true) !== LOCAL_RECORD) {
    throw new FormatError("NPZ", `entry "${name}" is not where the directory says.`);
  }
  const start = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  if (start + compressed > bytes.length) throw new FormatError("NPZ", `entry "${name}" is cut short.`);
  const stored = bytes.subarray(start, start + compressed);
  if (entry.method !== 0 && entry.method !== 8) {
    throw new FormatError("NPZ", `entry "${name}" uses compression ${entry.method}; only deflate is read.`);
  }
  const content = entry.method === 0 ? stored : inflate(stored, { maxBytes: size });
  if (content.length !== size || crc32(content) !== entry.crc) {
    throw new FormatError("NPZ", `entry "${name}" is damaged (length or checksum).`);
  }
  return content;
}
