import { createHash } from "node:crypto";
import type { Digest } from "./hash.ts";

/** OpenSSL takes less than 2 GiB at a time. */
const PIECE = 2 ** 30;

/** SHA-256 by OpenSSL: more than ten times as fast as the portable one. */
export const nodeDigest: Digest = (bytes) => digestInPieces(bytes, PIECE);

export function digestInPieces(bytes: Uint8Array, piece: number): string {
  const hash = createHash("sha256");
  for (let from = 0; from < bytes.length; from += piece) hash.update(bytes.subarray(from, from + piece));
  return hash.digest("hex");
}
