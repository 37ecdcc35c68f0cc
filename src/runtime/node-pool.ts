/**
 * @file Worker threads that run jobs. `Session.run` blocks its thread, so the main thread schedules and computes nothing.
 *
 * A job's result does not depend on the worker that runs it: workers share nothing and sessions use one thread.
 */

import { once } from "node:events";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { FaultKind } from "../graph/fault.ts";
import type { ExecuteOptions, Executor, Job, JobProgress, Outcome, PlainRecord } from "./jobs.ts";
import type { BlobPlaces } from "./node-blobs.ts";
import { createGuard, type Guard, requestStop, waitUntilStopped } from "./node-guard.ts";
import { switchOffTelemetry } from "./node-telemetry.ts";

export interface PoolOptions {
  /** URL of the module that exports the job table; such a module gives its own `import.meta.url`. */
  readonly table: string;
  /** Most threads at once; they start when there is work for them. Default: one per core. */
  readonly workers?: number;
  /** Where the files lie that jobs name by their hash. */
  readonly places?: BlobPlaces;
}

export interface WorkerSetup {
  readonly table: string;
  readonly guard: Guard;
}

export interface ToWorker {
  readonly kind: string;
  readonly input: unknown;
  /** Milliseconds that the job may take, told to it. */
  readonly limit: number;
  readonly places: BlobPlaces;
}

export type FromWorker =
  | { readonly kind: "started" }
  | { readonly kind: "progress"; readonly step: JobProgress }
  | { readonly kind: "done"; readonly records: readonly PlainRecord[]; readonly seconds: number }
  | { readonly kind: "refused"; readonly fault: FaultKind; readonly message: string }
  | { readonly kind: "failed"; readonly message: string };

interface Task {
  readonly job: Job;
  readonly options: ExecuteOptions;
  readonly finish: (outcome: Outcome) => void;
}

interface Slot {
  readonly worker: Worker;
  readonly guard: Guard;
  task: Task | undefined;
  timer: NodeJS.Timeout | undefined;
}

export function createPool({ table, workers = availableParallelism(), places = new Map() }: PoolOptions): Executor {
  if (!Number.isInteger(workers) || workers < 1) throw new RangeError(`workers must be at least 1, got ${workers}`);
  switchOffTelemetry();
  const slots = new Set<Slot>();
  const queue: Task[] = [];
  /** Threads that were given up and have not ended yet. */
  const ending = new Map<Slot, Promise<unknown>>();
  const watched = new WeakSet<AbortSignal>();
  let closed = false;

  /** Gives up on a thread: it is no longer ours, whenever it really ends. */
  function retire(slot: Slot): void {
    clearTimeout(slot.timer);
    slots.delete(slot);
    const end = requestStop(slot.guard) ? slot.worker.terminate() : once(slot.worker, "exit");
    ending.set(
      slot,
      end.finally(() => ending.delete(slot)),
    );
  }

  function settle(slot: Slot, outcome: Outcome): void {
    clearTimeout(slot.timer);
    const task = slot.task;
    slot.task = undefined;
    if (slots.has(slot)) slot.worker.unref(); // an idle worker does not keep the process alive
    task?.finish(outcome);
    pump();
  }

  function receive(slot: Slot, message: FromWorker): void {
    const task = slot.task;
    if (!task) return;
    switch (message.kind) {
      case "started": {
        const most = limitOf(task.options);
        if (!Number.isFinite(most)) return;
        slot.timer = setTimeout(() => lose(slot, { kind: "timeout", seconds: most / 1000 }), most);
        return;
      }
      case "progress":
        task.options.onProgress?.(message.step);
        return;
      case "done":
      case "refused":
        settle(slot, message);
        return;
      case "failed":
        settle(slot, failed(task.job, message.message));
    }
  }

  /** The job ends and takes its thread with it. */
  function lose(slot: Slot, outcome: Outcome): void {
    retire(slot);
    settle(slot, outcome);
  }

  function start(): Slot {
    const guard = createGuard();
    const worker = launch({ table, guard });
    const slot: Slot = { worker, guard, task: undefined, timer: undefined };
    const crash = (fact: string) => {
      if (!slots.has(slot)) return;
      lose(slot, slot.task ? failed(slot.task.job, `its worker crashed: ${fact}`) : { kind: "aborted" });
    };
    worker.on("message", (message: FromWorker) => receive(slot, message));
    worker.on("messageerror", (error) => crash(error.message));
    worker.on("error", (error) => crash(error.message));
    worker.on("exit", (code) => crash(`exit code ${code}`));
    slots.add(slot);
    return slot;
  }

  function pump(): void {
    while (queue.length > 0 && !closed) {
      if (isLate(queue[0]!)) {
        queue.shift()!.finish({ kind: "timeout", seconds: 0 });
        continue;
      }
      const idle = [...slots].find((slot) => slot.task === undefined);
      if (!idle && slots.size >= workers) return;
      assign(idle ?? start(), queue.shift()!);
    }
  }

  function assign(slot: Slot, task: Task): void {
    const { kind, input } = task.job;
    slot.task = task;
    slot.worker.ref();
    const message: ToWorker = { kind, input: compact(input), limit: limitOf(task.options), places };
    try {
      slot.worker.postMessage(message, [...(task.options.transfer ?? [])]);
    } catch (error) {
      settle(slot, failed(task.job, `its input cannot be sent: ${(error as Error).message}`));
    }
  }

  /** One listener a signal, however many jobs share it. */
  function watch(signal: AbortSignal): void {
    if (watched.has(signal)) return;
    watched.add(signal);
    signal.addEventListener("abort", () => abort((task) => task.options.signal === signal), { once: true });
  }

  function abort(concerns: (task: Task) => boolean): void {
    const waiting = queue.splice(0);
    queue.push(...waiting.filter((task) => !concerns(task)));
    for (const slot of [...slots]) if (slot.task && concerns(slot.task)) lose(slot, { kind: "aborted" });
    for (const task of waiting) if (concerns(task)) task.finish({ kind: "aborted" });
  }

  function run<I, R>(job: Job<I, R>, options: ExecuteOptions = {}): Promise<Outcome<R>> {
    if (closed || options.signal?.aborted) return Promise.resolve({ kind: "aborted" });
    return new Promise<Outcome<R>>((finish) => {
      if (options.signal) watch(options.signal);
      // what the function of this kind returns is what the job's type says
      queue.push({ job: job as Job, options, finish: finish as (outcome: Outcome) => void });
      pump();
    });
  }

  const leave = () => {
    for (const { guard } of [...slots, ...ending.keys()]) waitUntilStopped(guard);
  };
  process.on("exit", leave);

  return {
    workers,
    run,
    async [Symbol.asyncDispose]() {
      closed = true;
      abort(() => true);
      for (const slot of [...slots]) retire(slot);
      await Promise.all(ending.values());
      process.off("exit", leave);
    },
  };
}

/** Milliseconds from now. */
const limitOf = ({ timeoutMs = Number.POSITIVE_INFINITY, window }: ExecuteOptions): number =>
  Math.min(timeoutMs, window ? Math.max(0, window.endBy - performance.now()) : timeoutMs);

const isLate = ({ options: { window } }: Task): boolean => window !== undefined && performance.now() >= window.startBy;

const failed = (job: Job, fact: string): Outcome => ({
  kind: "failed",
  message: `${job.label} (${job.kind}): ${fact}`,
});

// The same file, as TypeScript in the sources and as JavaScript once built.
const workerUrl = import.meta.url.replace(/node-pool(\.[jt]s)/, "node-worker$1");

function launch(workerData: WorkerSetup): Worker {
  // Flags of this process, such as a loader, are not for the thread.
  if (!workerUrl.endsWith(".ts")) return new Worker(new URL(workerUrl), { workerData, execArgv: [] });
  // Threads do not inherit what made TypeScript run here.
  const tsx = import.meta.resolve("tsx/esm/api");
  const code = `import("${tsx}").then(({ register }) => (register(), import("${workerUrl}")))`;
  return new Worker(code, { eval: true, workerData, execArgv: [] });
}

/** Copying a view copies its whole buffer, so a view of part of one is cut out first. */
function compact(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) {
    const whole = value.byteLength === value.buffer.byteLength || value instanceof DataView;
    return whole ? value : (value as Uint8Array).slice();
  }
  if (Array.isArray(value)) return value.map(compact);
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, compact(entry)]));
}
