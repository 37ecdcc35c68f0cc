/** @file The inside of a worker thread: takes jobs one at a time, answers with their records. */

import { parentPort, workerData } from "node:worker_threads";
import { faultOf } from "../graph/fault.ts";
import type { JobFunction, JobTable, PlainArray, PlainRecord } from "./jobs.ts";
import { blobsAt } from "./node-blobs.ts";
import { adoptGuard } from "./node-guard.ts";
import { nodeHost } from "./node-host.ts";
import type { FromWorker, ToWorker, WorkerSetup } from "./node-pool.ts";

const { table, guard } = workerData as WorkerSetup;
adoptGuard(guard);
const port = parentPort!;
const post = (message: FromWorker, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

async function functionOf(kind: string): Promise<JobFunction<unknown, PlainRecord>> {
  const { jobs } = (await import(table)) as { jobs: JobTable };
  const load = Object.hasOwn(jobs, kind) ? jobs[kind] : undefined;
  if (!load) throw new Error(`no such kind of job; the table has ${Object.keys(jobs).join(", ")}`);
  return load();
}

async function work({ kind, input, limit, places }: ToWorker): Promise<void> {
  const transfers = new Set<ArrayBuffer>();
  try {
    const run = await functionOf(kind);
    post({ kind: "started" });
    const start = performance.now();
    const records = await run(input, {
      ...nodeHost(blobsAt(places)),
      progress: (step) => post({ kind: "progress", step }),
      transfer: (...arrays: PlainArray[]) => {
        for (const { buffer } of arrays) if (buffer instanceof ArrayBuffer) transfers.add(buffer);
      },
      left: () => (limit - (performance.now() - start)) / 1000,
    });
    const seconds = (performance.now() - start) / 1000;
    post({ kind: "done", records, seconds }, [...transfers]);
  } catch (error) {
    const fault = faultOf(error);
    if (fault !== undefined) return post({ kind: "refused", fault, message: (error as Error).message });
    post({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
  }
}

port.on("message", (message: ToWorker) => void work(message));
