/** @file Aborts a job inside a native call, goes on, and exits with code 7 inside another. */

import { createPool } from "../../src/runtime/node-pool.ts";
import { table } from "./jobs.ts";

const job = (kind: string, input = {}) => ({ kind, label: kind, input });

/** Calls back when a thread is well inside a native call of half a second or more. */
async function insideNativeCall(act: () => void) {
  const pool = createPool({ table, workers: 2 });
  const controller = new AbortController();
  const pause = () => pool.run(job("spin", { ms: 30 }));
  await Promise.all([pause(), pause()]);
  const onProgress = () =>
    void pause().then(() => {
      act();
      controller.abort();
    });
  const outcome = await pool.run(job("native"), { onProgress, signal: controller.signal });
  const next = await pause();
  await pool[Symbol.asyncDispose]();
  return `${outcome.kind}, then ${next.kind}, then closed`;
}

console.log(await insideNativeCall(() => {}));
await insideNativeCall(() => process.exit(7));
