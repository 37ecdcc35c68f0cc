import { createHash } from "node:crypto";
import type { Digest } from "./hash.ts";

/** SHA-256 by OpenSSL: more than ten times as fast as the portable one. */
export const nodeDigest: Digest = (bytes) => createHash("sha256").update(bytes).digest("hex");
