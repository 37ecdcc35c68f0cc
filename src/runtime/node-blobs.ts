/** @file Files named by their hash, on this machine. */

import { readFile } from "node:fs/promises";
import { UserError } from "../graph/fault.ts";
import type { Blobs } from "./jobs.ts";
import { nodeDigest } from "./node-digest.ts";

/** SHA-256 to path, or to bytes that all threads share. */
export type BlobPlaces = ReadonlyMap<string, string | SharedArrayBuffer>;

export const blobsAt = (places: BlobPlaces): Blobs => ({
  async get(hash) {
    const path = places.get(hash);
    if (path === undefined) throw new Error(`no file with the hash ${hash} is known here`);
    // a copy: decoders and the engine take no shared memory
    if (typeof path !== "string") return new Uint8Array(path).slice();
    const bytes = await readFile(path);
    if (nodeDigest(bytes) === hash) return bytes;
    throw new UserError("unsupported", `${path}: the file was changed while it was being examined`);
  },
});
