import { topological } from "../graph/traverse.ts";
import type { Graph, Tensor, Value } from "../graph/types.ts";

/** Bytes to a hexadecimal digest. Node has a faster SHA-256 than `sha256`; both say the same. */
export type Digest = (bytes: Uint8Array) => string;

const fractionBits = (x: number): number => Math.floor((x - Math.floor(x)) * 2 ** 32);

const primes = (count: number): number[] => {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((p) => n % p !== 0)) found.push(n);
  return found;
};

// FIPS 180-4, 4.2.2 and 5.3.3: fractional parts of cube and square roots of the first primes.
const K = Int32Array.from(primes(64), (p) => fractionBits(Math.cbrt(p)));
const INITIAL = Int32Array.from(primes(8), (p) => fractionBits(Math.sqrt(p)));

const rotateRight = (x: number, bits: number): number => (x >>> bits) | (x << (32 - bits));

function compress(state: Int32Array, view: DataView, offset: number, w: Int32Array): void {
  for (let t = 0; t < 16; t++) w[t] = view.getInt32(offset + 4 * t);
  for (let t = 16; t < 64; t++) {
    const x = w[t - 15]!;
    const y = w[t - 2]!;
    const s0 = rotateRight(x, 7) ^ rotateRight(x, 18) ^ (x >>> 3);
    const s1 = rotateRight(y, 17) ^ rotateRight(y, 19) ^ (y >>> 10);
    w[t] = w[t - 16]! + s0 + w[t - 7]! + s1;
  }
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  let e = state[4]!;
  let f = state[5]!;
  let g = state[6]!;
  let h = state[7]!;
  for (let t = 0; t < 64; t++) {
    const big1 = rotateRight(e, 6) ^ rotateRight(e, 11) ^ rotateRight(e, 25);
    const t1 = (h + big1 + ((e & f) ^ (~e & g)) + K[t]! + w[t]!) | 0;
    const big0 = rotateRight(a, 2) ^ rotateRight(a, 13) ^ rotateRight(a, 22);
    const t2 = (big0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
  state[4]! += e;
  state[5]! += f;
  state[6]! += g;
  state[7]! += h;
}

/**
 * SHA-256 as 64 hexadecimal digits, wherever JavaScript runs.
 * @source FIPS 180-4
 */
export function sha256(bytes: Uint8Array): string {
  const state = INITIAL.slice();
  const w = new Int32Array(64);
  const whole = bytes.length & ~63;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let offset = 0; offset < whole; offset += 64) compress(state, view, offset, w);
  const rest = bytes.length - whole;
  const tail = new Uint8Array(rest < 56 ? 64 : 128);
  tail.set(bytes.subarray(whole));
  tail[rest] = 0x80;
  const tailView = new DataView(tail.buffer);
  tailView.setBigUint64(tail.length - 8, BigInt(bytes.length) * 8n);
  for (let offset = 0; offset < tail.length; offset += 64) compress(state, tailView, offset, w);
  return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

/**
 * One text per value: keys sorted, absent keys and `undefined` alike, every number distinct (−0, NaN, ±Infinity too).
 *
 * @throws TypeError on what is not plain: functions, typed arrays, class instances. Hash those first.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (typeof value === "bigint") return `${value}n`;
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (value === undefined) return "undefined";
  if (Array.isArray(value)) return `[${value.map(canonicalJson)}]`;
  if (typeof value === "object" && [Object.prototype, null].includes(Object.getPrototypeOf(value))) {
    const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${canonicalJson(entry)}`)}}`;
  }
  throw new TypeError(`cannot hash ${Object.prototype.toString.call(value)}: only plain data has a canonical form`);
}

const encoder = new TextEncoder();

export const hashText = (text: string, digest: Digest = sha256): string => digest(encoder.encode(text));

/** Hash of plain data. */
export const hashPlain = (value: unknown, digest: Digest = sha256): string => hashText(canonicalJson(value), digest);

export const bytesOf = (data: ArrayBufferView): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Tensors do not change, so each is read once. */
const tensorHashes = new WeakMap<Tensor, string>();

export function hashTensor(tensor: Tensor, digest: Digest = sha256): string {
  const known = tensorHashes.get(tensor);
  if (known !== undefined) return known;
  const { dtype, shape, data } = tensor;
  const hash = `${dtype} ${data.BYTES_PER_ELEMENT} [${shape}] ${digest(bytesOf(data))}`;
  tensorHashes.set(tensor, hash);
  return hash;
}

/**
 * Hash of what a graph computes and how it is called: ops, attributes, wiring, constants' bytes, names of inputs and
 * outputs. Names of inner nodes do not count. Graphs that share less structure hash differently though they compute
 * the same.
 */
export function hashGraph(graph: Graph, digest: Digest = sha256): string {
  const numbers = new Map<Value, number>();
  const lines: string[] = [];
  for (const value of topological([...graph.inputs, ...graph.outputs.map((output) => output.value)])) {
    numbers.set(value, numbers.size);
    lines.push(describe(value, numbers));
  }
  for (const { name, value } of graph.outputs) lines.push(`return ${JSON.stringify(name)} ${numbers.get(value)}`);
  return hashText(lines.join("\n"), digest);

  function describe(value: Value, known: ReadonlyMap<Value, number>): string {
    const type = `${value.dtype}[${value.shape}]`;
    switch (value.kind) {
      case "input":
        return `input ${JSON.stringify(value.name)} ${type}`;
      case "constant":
        return `constant ${hashTensor(value.tensor, digest)}`;
      case "node":
        return `${value.op}(${value.inputs.map((input) => known.get(input))}) ${canonicalJson(value.attrs)} ${type}`;
    }
  }
}
