/** @file Files named by their hash, on this machine. */

import { readFile } from "node:fs/promises";
import { UserError } from "../graph/fault.ts";
import type { Blobs } from "./jobs.ts";
import { nodeDigest } from "./node-digest.ts";

/** SHA-256 to path. */
export type BlobPlaces = ReadonlyMap<string, string>;

export const blobsAt = (places: BlobPlaces): Blobs => ({
  async get(hash) {
    const path = places.get(hash);
    if (path === undefined) throw new Error(`no file with the hash ${hash} is known here`);
    const bytes = await readFile(path);
    if (nodeDigest(bytes) === hash) return bytes;
    throw new UserError("unsupported", `${path}: the file was changed while it was being examined`);
  },
});
