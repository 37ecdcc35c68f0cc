/** @file This machine as the place where jobs run: threads, a folder of results, and model files where they lie. */

import type { Blobs, Executor, JobTable, Place, Store } from "./jobs.ts";
import { blobsAt } from "./node-blobs.ts";
import { nodeDigest } from "./node-digest.ts";
import { haltMainThread } from "./node-guard.ts";

export interface LocalOptions {
  /** The jobs, and the URL of the module that exports them as `jobs`. */
  readonly jobs: JobTable;
  readonly table: string;
  /** Most threads at once; default: one per core. */
  readonly workers?: number | undefined;
  /** Where results are kept; none: nowhere. */
  readonly directory?: string | undefined;
  readonly version: string;
  /** Gets lines about a store that cannot be used. */
  readonly warn?: ((line: string) => void) | undefined;
}

export interface LocalPlace extends Place, AsyncDisposable {
  /** Threads in use; 0: everything ran on this one. */
  readonly workers: number;
  /** Tells where a file lies that jobs name by its hash. */
  know(hash: string, path: string): void;
  readonly blobs: Blobs;
}

export function localPlace({ jobs, table, workers, directory, version, warn }: LocalOptions): LocalPlace {
  const places = new Map<string, string | SharedArrayBuffer>();
  let pool: Promise<Executor> | undefined;
  let store: Promise<Store> | undefined;
  let threads = 0;

  async function threadsOf(): Promise<Executor> {
    const { createPool } = await import("./node-pool.ts");
    const made = createPool({ table, places, ...(workers !== undefined && { workers }) });
    threads = made.workers;
    return made;
  }
  async function onThisThread(table: JobTable, halt?: () => void): Promise<Executor> {
    const { inlineExecutor } = await import("./inline.ts");
    const { nodeHost } = await import("./node-host.ts");
    return inlineExecutor(table, nodeHost(blobsAt(places)), halt);
  }
  async function open(folder: string): Promise<Store> {
    const { openStore } = await import("./node-store.ts");
    return openStore({ directory: folder, ...(warn && { warn }) });
  }

  return {
    digest: nodeDigest,
    blobs: blobsAt(places),
    version,
    now: () => performance.now(),
    get workers() {
      return threads;
    },
    know(hash, path) {
      places.set(hash, path);
    },
    async keep(bytes) {
      const hash = nodeDigest(bytes);
      if (!places.has(hash)) {
        const shared = new SharedArrayBuffer(bytes.length);
        new Uint8Array(shared).set(bytes);
        places.set(hash, shared);
      }
      return hash;
    },
    async executor(count, limited) {
      // one short job is not worth the start of a thread; a limit of time needs one, to be able to end it
      if (count === 1 && !limited && pool === undefined) {
        return onThisThread(jobs, haltMainThread);
      }
      pool ??= threadsOf();
      return pool;
    },
    here: (table) => onThisThread(table),
    async store() {
      if (directory !== undefined) store ??= open(directory);
      return store;
    },
    async [Symbol.asyncDispose]() {
      await (await pool)?.[Symbol.asyncDispose]();
    },
  };
}
