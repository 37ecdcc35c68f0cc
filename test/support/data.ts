/** @file The optional directory of published models and data that conformance tests use. */

import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

export const DATA = resolve(import.meta.dirname, "../../../shared/data");

/** Why a test that needs `path` cannot run here, or false. */
export const missing = (path: string): string | false =>
  existsSync(join(DATA, path)) ? false : `needs ../shared/data/${path}`;

export const dataFile = (path: string): Uint8Array => readFileSync(join(DATA, path));
