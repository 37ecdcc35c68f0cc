/**
 * @file Keeps threads from being ended inside native code.
 *
 * A thread that is terminated during an ONNX Runtime call takes the whole process with it: the call comes back to a
 * JavaScript that no longer runs, and the C++ binding aborts. So a worker says when it is in native code, and whoever
 * wants it ended waits for it to come out, where it ends by itself.
 */

const JAVASCRIPT = 0;
const NATIVE = 1;
/** In JavaScript, and may not enter native code any more: safe to terminate. */
const STOPPED = 2;
/** In native code; will stop when it comes out. */
const STOPPING = 3;

/** Shared between a worker and the thread that started it. */
export type Guard = Int32Array;

export const createGuard = (): Guard => new Int32Array(new SharedArrayBuffer(4));

/**
 * Asks a worker to stop. @returns true when it may be terminated now; else it ends by itself after the native call.
 */
export function requestStop(guard: Guard): boolean {
  for (;;) {
    const state = Atomics.load(guard, 0);
    if (state === STOPPED || state === STOPPING) return state === STOPPED;
    const next = state === JAVASCRIPT ? STOPPED : STOPPING;
    if (Atomics.compareExchange(guard, 0, state, next) === state) return next === STOPPED;
  }
}

/** Longer than any run we make; a process that is to end should not hang. */
const LONGEST_WAIT_MS = 20_000;

/** Blocks until the worker is out of native code; for the end of the process, where nothing else can wait. */
export function waitUntilStopped(guard: Guard): void {
  if (!requestStop(guard)) Atomics.wait(guard, 0, STOPPING, LONGEST_WAIT_MS);
}

let own: Guard | undefined;
let depth = 0;

/** In a worker: this thread's guard. */
export function adoptGuard(guard: Guard): void {
  own = guard;
}

let halted = false;

/** On the main thread: what computes there comes to a stop at its next native call, and keeps the process no longer. */
export function haltMainThread(): void {
  halted = true;
}

/** Before another command runs in the same process. */
export function resumeMainThread(): void {
  halted = false;
}

/** Runs what calls native code; never returns in a thread that was asked to stop. */
export async function inNative<T>(action: () => Promise<T>): Promise<T> {
  if (!own) return halted ? new Promise(() => {}) : action();
  if (depth === 0 && Atomics.compareExchange(own, 0, JAVASCRIPT, NATIVE) !== JAVASCRIPT) return new Promise(() => {});
  depth++;
  try {
    return await action();
  } finally {
    depth--;
    if (depth === 0 && Atomics.compareExchange(own, 0, NATIVE, JAVASCRIPT) === STOPPING) {
      Atomics.store(own, 0, STOPPED);
      Atomics.notify(own, 0);
      process.exit(); // of the thread, not the process
    }
  }
}
