/**
 * @file Results by the hash of everything they depend on, one file each, so that a run can be resumed.
 *
 * An entry is written under another name, flushed, and renamed: it is there whole or not at all, whoever else writes.
 * A first line with the SHA-256 of the rest tells a damaged entry, which is then computed again.
 */

import { randomUUID } from "node:crypto";
import { open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { bytesOf, hashPlain } from "./hash.ts";
import type { JobKey, PlainRecord, Store, Stored } from "./jobs.ts";
import { nodeDigest } from "./node-digest.ts";
import { makeFolder } from "./node-folder.ts";
import { decodeRecords, encodeRecords } from "./records.ts";

export interface FileStore extends Store {
  readonly directory: string;
}

/** The file operations of a store; tests make them fail. */
export interface StoreFiles {
  readonly read: (path: string) => Promise<Uint8Array>;
  /** Returns when the bytes are on the disk. */
  readonly write: (path: string, bytes: Uint8Array) => Promise<void>;
  readonly rename: (from: string, to: string) => Promise<void>;
}

export interface StoreOptions {
  readonly directory: string;
  /** Gets one line when the store cannot be used, and one for each damaged entry. */
  readonly warn?: (line: string) => void;
  /** "warn": go on without the store. "throw": StoreError. */
  readonly onFailure?: "warn" | "throw";
  readonly files?: StoreFiles;
}

/** The store cannot be written or read; the message names the directory and the way out. */
export class StoreError extends Error {
  override readonly name = "StoreError";
}

const FORMAT = "assay-result/1";

export const keyHash = (key: JobKey): string => hashPlain({ format: FORMAT, ...key }, nodeDigest);

const nodeFiles: StoreFiles = {
  read: (path) => readFile(path),
  async write(path, bytes) {
    await using file = await open(path, "wx");
    await file.writeFile(bytes);
    await file.sync();
  },
  rename,
};

export async function openStore({
  directory,
  warn = (line) => process.stderr.write(`${line}\n`),
  onFailure = "warn",
  files = nodeFiles,
}: StoreOptions): Promise<FileStore> {
  let usable = true;
  const fail = (error: unknown): void => {
    const line = `result store ${directory} cannot be used (${reason(error)})`;
    if (onFailure === "throw") {
      throw new StoreError(`${line}; free or choose another place, or run without it`, { cause: error });
    }
    if (usable) warn(`${line}; going on without it, so an interrupted run would start over`);
    usable = false;
  };
  const entryPath = (hash: string) => join(directory, "results", hash.slice(0, 2), hash.slice(2));

  await prepare(directory).catch(fail);

  async function read(hash: string): Promise<Uint8Array | undefined> {
    try {
      return await files.read(entryPath(hash));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") fail(error);
      return undefined;
    }
  }

  async function write(hash: string, bytes: Uint8Array): Promise<void> {
    const temporary = join(directory, "tmp", randomUUID());
    try {
      await files.write(temporary, bytes);
      makeFolder(join(directory, "results", hash.slice(0, 2)));
      await files.rename(temporary, entryPath(hash));
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {});
      throw error;
    }
  }

  return {
    directory,
    async get(key) {
      if (!usable) return undefined;
      const hash = keyHash(key);
      const bytes = await read(hash);
      if (!bytes) return undefined;
      const stored = unpack(hash, bytes);
      if (!stored) warn(`result store ${directory}: entry ${hash.slice(0, 12)}… is damaged; computing it again`);
      return stored;
    },
    async put(key, result) {
      if (!usable) return false;
      const hash = keyHash(key);
      const bytes = pack(hash, result);
      return write(hash, bytes).then(
        () => true,
        (error: unknown) => {
          fail(error);
          return false;
        },
      );
    },
  };
}

/** Unfinished files this old belong to nobody any more. */
const ABANDONED_MS = 24 * 3600 * 1000;

async function prepare(directory: string): Promise<void> {
  const temporary = join(directory, "tmp");
  makeFolder(temporary);
  for (const name of await readdir(temporary)) {
    const path = join(temporary, name);
    const age = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now());
    if (age > ABANDONED_MS) await rm(path, { force: true });
  }
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case "ENOSPC":
      return "the disk is full";
    case "EDQUOT":
      return "the disk quota is used up";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "EROFS":
      return "the file system is read-only";
    case "ENOENT":
      return "its folder cannot be made or is gone";
    case "ENOTDIR":
    case "EEXIST":
      return "a file is in the way";
    default:
      return message;
  }
}

const header = (hash: string, body: Uint8Array): string => `${FORMAT} ${hash} ${nodeDigest(body)}\n`;

function pack(hash: string, { records, seconds }: Stored): Uint8Array {
  const body = encodeRecords([{ seconds }, ...records]);
  return Buffer.concat([Buffer.from(header(hash, body)), body]);
}

/** Undefined when the bytes are not those that were written under this hash. */
function unpack(hash: string, bytes: Uint8Array): Stored | undefined {
  const end = bytes.indexOf(10) + 1;
  const body = bytesOf(bytes.subarray(end));
  if (Buffer.from(bytes.subarray(0, end)).toString() !== header(hash, body)) return undefined;
  const [first, ...records] = decodeRecords(body) as [{ readonly seconds: number }, ...PlainRecord[]];
  return { records, seconds: first.seconds };
}
