import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { table } from "../../test/runtime/jobs.ts";
import type { KeyedJob, Outcome, PlainRecord } from "./jobs.ts";
import { createPool } from "./node-pool.ts";
import { openStore } from "./node-store.ts";
import { type RunEvent, runJobs } from "./run-jobs.ts";

const pool = createPool({ table, workers: 2 });
afterAll(() => pool[Symbol.asyncDispose]());

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "assay-run-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const keyed = (kind: string, chunk: number, input: unknown): KeyedJob => ({
  kind,
  label: `${kind} ${chunk}`,
  input,
  key: { model: "net", method: { id: kind, version: 1 }, options: {}, chunk: `${chunk}` },
});

/** Jobs that write their number to a log when they compute. */
const loggedJobs = (count: number): KeyedJob[] => {
  writeFileSync(join(root, "log"), "");
  return Array.from({ length: count }, (_, index) => keyed("logged", index, { log: join(root, "log"), index, ms: 1 }));
};
const computed = (): number[] =>
  readFileSync(join(root, "log"), "utf8")
    .trim()
    .split("\n")
    .filter(Boolean)
    .map(Number)
    .sort((a, b) => a - b);

const openHere = () => openStore({ directory: join(root, "store") });
const recordsOf = (outcomes: readonly Outcome[]) =>
  outcomes.map((outcome) => outcome.kind === "done" && outcome.records);

test("what the store knows is not computed again, and is the same to the last bit", async () => {
  const jobs = loggedJobs(6);
  const first = await runJobs(jobs.slice(0, 4), { executor: pool, store: await openHere() });
  expect(computed()).toEqual([0, 1, 2, 3]);
  const events: RunEvent[] = [];
  const second = await runJobs(jobs, {
    executor: pool,
    store: await openHere(),
    onProgress: (event) => events.push(event),
  });
  expect(computed()).toEqual([0, 1, 2, 3, 4, 5]);
  expect(second.slice(0, 4)).toStrictEqual(first);
  const ends = events.filter((event) => event.kind === "job");
  expect(ends.map((event) => event.finished)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(
    ends
      .filter((event) => event.stored)
      .map((event) => event.index)
      .sort(),
  ).toEqual([0, 1, 2, 3]);
});

test("without resume everything is computed again", async () => {
  const jobs = loggedJobs(2);
  const store = await openHere();
  const first = await runJobs(jobs, { executor: pool, store });
  const second = await runJobs(jobs, { executor: pool, store, resume: false });
  expect(computed()).toEqual([0, 0, 1, 1]);
  expect(recordsOf(second)).toStrictEqual(recordsOf(first));
});

test("after an interruption the finished jobs are stored and the rest are aborted", async () => {
  const jobs = [...loggedJobs(3), keyed("spin", 3, { ms: 60_000 }), keyed("spin", 4, { ms: 60_000 })];
  const controller = new AbortController();
  const onProgress = (event: RunEvent) => {
    if (event.kind === "step" && event.index === 4) controller.abort();
  };
  const outcomes = await runJobs(jobs, {
    executor: pool,
    store: await openHere(),
    signal: controller.signal,
    onProgress,
  });
  expect(outcomes.slice(3)).toEqual([{ kind: "aborted" }, { kind: "aborted" }]);
  const store = await openHere();
  for (const [index, job] of jobs.entries()) {
    const outcome = outcomes[index]!;
    expect(await store.get(job.key)).toEqual(
      outcome.kind === "done" ? { records: outcome.records, seconds: outcome.seconds } : undefined,
    );
  }
  expect(computed().length).toBeGreaterThan(0);
});

test("failures and time-outs are reported in their place and not stored", async () => {
  const jobs = [keyed("fail", 0, {}), keyed("spin", 1, { ms: 60_000 }), keyed("spin", 2, { ms: 1 })];
  const store = await openHere();
  const outcomes = await runJobs(jobs, { executor: pool, store, timeoutMs: 300 });
  expect(outcomes.map((outcome) => outcome.kind)).toEqual(["failed", "timeout", "done"]);
  expect(await Promise.all(jobs.map(async (job) => (await store.get(job.key)) !== undefined))).toEqual([
    false,
    false,
    true,
  ]);
});

test("a store that insists stops the run with its error", async () => {
  const files = {
    read: async (path: string) => readFileSync(path),
    write: () => Promise.reject(Object.assign(new Error("full"), { code: "ENOSPC" })),
    rename: async () => {},
  };
  const store = await openStore({ directory: join(root, "store"), onFailure: "throw", files });
  await expect(runJobs(loggedJobs(8), { executor: pool, store })).rejects.toThrow("(the disk is full)");
});

test("what settling makes of a record is stored and reported, and is not settled again", async () => {
  const store = await openHere();
  const written: unknown[] = [];
  const settle = async ([record]: readonly PlainRecord[], index: number) => {
    written[index] = record;
    return [{ index }];
  };
  const jobs = [0, 1].map((k) => keyed("echo", k, { records: [{ large: Uint8Array.of(k, 7) }] }));
  const first = await runJobs(jobs, { executor: pool, store, settle });
  expect(written).toEqual([{ large: Uint8Array.of(0, 7) }, { large: Uint8Array.of(1, 7) }]);
  expect(recordsOf(first)).toEqual([[{ index: 0 }], [{ index: 1 }]]);
  expect((await store.get(jobs[1]!.key))!.records).toEqual([{ index: 1 }]);
  written.length = 0;
  expect(recordsOf(await runJobs(jobs, { executor: pool, store, settle }))).toEqual(recordsOf(first));
  expect(written).toEqual([]);
});

test("what cannot be settled is not stored, and ends the run", async () => {
  const store = await openHere();
  const job = keyed("echo", 0, { records: [{}] });
  const settle = () => Promise.reject(new Error("the disk is full"));
  await expect(runJobs([job], { executor: pool, store, settle })).rejects.toThrow("the disk is full");
  expect(await store.get(job.key)).toBeUndefined();
});
