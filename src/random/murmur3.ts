/**
 * MurmurHash3_x86_128: a fast, well-mixed 128-bit hash of bytes. Not cryptographic: it turns labels into keys.
 *
 * @source Appleby, SMHasher, MurmurHash3 (public domain); checked against its published verification value
 */

const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;

const rotateLeft = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));

function finalMix(x: number): number {
  let h = x;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

const scramble = (k: number, first: number, bits: number, second: number): number =>
  Math.imul(rotateLeft(Math.imul(k, first), bits), second);

/** The last 1 to 15 bytes as four little-endian words, padded with zeros. */
function tailWords(bytes: Uint8Array, from: number): readonly [number, number, number, number] {
  const words: [number, number, number, number] = [0, 0, 0, 0];
  for (let i = from; i < bytes.length; i++) {
    const position = i - from;
    words[position >> 2]! |= bytes[i]! << (8 * (position & 3));
  }
  return words;
}

/** @returns four words; as bytes, little-endian, they are the digest in the reference implementation's order */
export function murmur3(bytes: Uint8Array, seed = 0): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let h1 = seed | 0;
  let h2 = h1;
  let h3 = h1;
  let h4 = h1;
  const end = bytes.length & ~15;
  for (let i = 0; i < end; i += 16) {
    h1 ^= scramble(view.getUint32(i, true), C1, 15, C2);
    h1 = (Math.imul(rotateLeft(h1, 19) + h2, 5) + 0x561ccd1b) | 0;
    h2 ^= scramble(view.getUint32(i + 4, true), C2, 16, C3);
    h2 = (Math.imul(rotateLeft(h2, 17) + h3, 5) + 0x0bcaa747) | 0;
    h3 ^= scramble(view.getUint32(i + 8, true), C3, 17, C4);
    h3 = (Math.imul(rotateLeft(h3, 15) + h4, 5) + 0x96cd1c35) | 0;
    h4 ^= scramble(view.getUint32(i + 12, true), C4, 18, C1);
    h4 = (Math.imul(rotateLeft(h4, 13) + h1, 5) + 0x32ac3b17) | 0;
  }
  // A padded zero word scrambles to zero, so the short tail needs no case distinction.
  const [k1, k2, k3, k4] = tailWords(bytes, end);
  h1 ^= scramble(k1, C1, 15, C2) ^ bytes.length;
  h2 ^= scramble(k2, C2, 16, C3) ^ bytes.length;
  h3 ^= scramble(k3, C3, 17, C4) ^ bytes.length;
  h4 ^= scramble(k4, C4, 18, C1) ^ bytes.length;

  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = finalMix((h2 + h1) | 0);
  h3 = finalMix((h3 + h1) | 0);
  h4 = finalMix((h4 + h1) | 0);
  h1 = finalMix(h1);
  h1 = (h1 + h2 + h3 + h4) | 0;
  return Uint32Array.of(h1, h2 + h1, h3 + h1, h4 + h1);
}
