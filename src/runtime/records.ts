/** @file Records as bytes: one line of JSON, then the typed arrays' memory. Reading gives back every bit. */

import { bytesOf } from "./hash.ts";
import type { Plain, PlainArray, PlainRecord } from "./jobs.ts";

const arrayKinds = { Float32Array, Float64Array, Int32Array, Uint8Array };
type ArrayKind = keyof typeof arrayKinds;

/** What JSON cannot say is an object with one key that starts with "$"; a record's own such key gets one more. */
type Marked =
  | { readonly $number: string }
  | { readonly $undefined: true }
  | { readonly $array: readonly [kind: ArrayKind, offset: number, length: number] };

const NEWLINE = 10;

/** @throws TypeError on what is not plain data */
export function encodeRecords(records: readonly PlainRecord[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let size = 0;
  const place = (array: PlainArray): Marked => {
    const kind = (Object.keys(arrayKinds) as ArrayKind[]).find((name) => array instanceof arrayKinds[name])!;
    const offset = size;
    parts.push(bytesOf(array));
    size += array.byteLength;
    return { $array: [kind, offset, array.length] };
  };
  const line = new TextEncoder().encode(`${JSON.stringify(records.map((record) => mark(record, place)))}\n`);
  const bytes = new Uint8Array(line.length + size);
  bytes.set(line);
  let offset = line.length;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

function mark(value: Plain, place: (array: PlainArray) => Marked): unknown {
  if (typeof value === "number") {
    const exact = Number.isFinite(value) && !Object.is(value, -0);
    return exact ? value : { $number: Object.is(value, -0) ? "-0" : String(value) };
  }
  if (value === undefined) return { $undefined: true };
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (isPlainArray(value)) return place(value);
  if (Array.isArray(value)) return value.map((entry: Plain) => mark(entry, place));
  if (typeof value !== "object" || Object.getPrototypeOf(value) !== Object.prototype) {
    throw new TypeError(`a record holds ${Object.prototype.toString.call(value)}, which is not plain data`);
  }
  const entries = Object.entries(value).map(([key, entry]) => [escaped(key), mark(entry, place)]);
  return Object.fromEntries(entries);
}

const isPlainArray = (value: unknown): value is PlainArray =>
  Object.values(arrayKinds).some((kind) => value instanceof kind);

const escaped = (key: string): string => (key.startsWith("$") ? `$${key}` : key);

/** @throws when the bytes are not what `encodeRecords` writes */
export function decodeRecords(bytes: Uint8Array): PlainRecord[] {
  const end = bytes.indexOf(NEWLINE);
  if (end < 0) throw new SyntaxError("the line of JSON has no end");
  const memory = bytes.subarray(end + 1);
  const parsed: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
  return unmark(parsed, memory) as PlainRecord[];
}

function unmark(value: unknown, memory: Uint8Array): Plain {
  if (typeof value !== "object" || value === null) return value as Plain;
  if (Array.isArray(value)) return value.map((entry) => unmark(entry, memory));
  const marked = value as Partial<Record<"$number" | "$undefined" | "$array", unknown>>;
  if (marked.$number !== undefined) return Number(marked.$number);
  if (marked.$undefined !== undefined) return undefined;
  if (marked.$array !== undefined) return arrayFrom(marked.$array as [ArrayKind, number, number], memory);
  const entries = Object.entries(value).map(([key, entry]) => [
    key.startsWith("$") ? key.slice(1) : key,
    unmark(entry, memory),
  ]);
  return Object.fromEntries(entries) as PlainRecord;
}

function arrayFrom([kind, offset, length]: [ArrayKind, number, number], memory: Uint8Array): PlainArray {
  const array = new arrayKinds[kind](length);
  const own = memory.subarray(offset, offset + array.byteLength);
  if (own.length < array.byteLength) throw new RangeError("an array reaches beyond the end");
  bytesOf(array).set(own);
  return array;
}
