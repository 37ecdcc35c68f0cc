/** @file The processor time of one thread, so that times do not depend on what else the machine does. */

import { readFileSync } from "node:fs";

/**
 * Seconds of processor time of this thread so far, where the system tells it (Linux); else seconds of the clock. Only
 * differences mean something.
 */
export function threadSeconds(): number {
  try {
    // nanoseconds on a processor come first
    const [nanoseconds] = readFileSync("/proc/thread-self/schedstat", "utf8").split(" ");
    const seconds = Number(nanoseconds) / 1e9;
    if (seconds > 0) return seconds;
  } catch {
    // no such file elsewhere
  }
  return performance.now() / 1000;
}
