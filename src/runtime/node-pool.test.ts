import { spawn } from "node:child_process";
import { once } from "node:events";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { table } from "../../test/runtime/jobs.ts";
import { builtOf } from "../../test/support/built.ts";
import { longTest } from "../../test/support/patience.ts";
import type { Job, JobProgress, Outcome } from "./jobs.ts";
import { createPool } from "./node-pool.ts";

const job = (kind: string, input: unknown = {}, label: string = kind): Job => ({ kind, label, input });
const withoutTime = (outcome: Outcome) => (outcome.kind === "done" ? outcome.records : outcome);

/** One worker for the tests that need no pool of their own. */
const shared = createPool({ table, workers: 1 });
afterAll(() => shared[Symbol.asyncDispose]());

test("a convolutional net gives bit-for-bit the same results with 1, 2 and 3 workers", async () => {
  const chunks = Array.from({ length: 9 }, (_, index) => job("forward", { index, size: 3 }));
  const results: unknown[] = [];
  for (const workers of [1, 2, 3]) {
    await using pool = createPool({ table, workers });
    const outcomes = await Promise.all(chunks.map((chunk) => pool.run(chunk)));
    results.push(outcomes.map(withoutTime));
  }
  const [one, two, three] = results;
  expect(one).toMatchObject({ length: 9 });
  expect(one).toHaveProperty("0.2.logits.length", 5);
  expect(two).toEqual(one);
  expect(three).toEqual(one);
});

test("the main thread stays responsive while jobs compute", async () => {
  await using pool = createPool({ table, workers: 2 });
  await Promise.all([pool.run(job("forward", { index: 0, size: 1 })), pool.run(job("forward", { index: 1, size: 1 }))]);
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  await Promise.all(Array.from({ length: 6 }, (_, i) => pool.run(job("spin", { ms: 60 }, `spin ${i}`))));
  delay.disable();
  // nine ticks in ten, for the operating system may pause anyone; a thread that computed would miss them all
  expect(delay.percentile(90) / 1e6).toBeLessThan(50);
});

test("a job reports its progress", async () => {
  const steps: JobProgress[] = [];
  await shared.run(job("spin", { ms: 1 }), { onProgress: (step) => steps.push(step) });
  expect(steps).toEqual([
    { done: 0, total: 1 },
    { done: 1, total: 1 },
  ]);
});

test("plain data of every kind comes back as it was sent", async () => {
  const records = [{ a: Float32Array.of(1, Number.NaN, -0), b: { c: [null, true, "x", -0, Infinity] }, d: undefined }];
  expect(withoutTime(await shared.run(job("echo", { records })))).toEqual(records);
});

test("of a large buffer only the part that is looked at is sent", async () => {
  const part = new Float32Array(1 << 20).subarray(7, 9);
  const outcome = await shared.run(job("echo", { records: [{ part }] }));
  expect(outcome).toMatchObject({ kind: "done", records: [{ part: { length: 2, buffer: { byteLength: 8 } } }] });
});

test("an input can move to the worker, and records back, without a copy", async () => {
  const values = Float32Array.of(4, 5);
  const sent = shared.run(job("echo", { records: [{ values }] }), { transfer: [values.buffer] });
  expect(withoutTime(await sent)).toEqual([{ values: Float32Array.of(4, 5) }]);
  expect(values.length).toBe(0);
  expect(withoutTime(await shared.run(job("give")))).toEqual([{ values: Float32Array.of(1, 2, 3) }]);
});

test.for([
  ["throws", job("fail", {}, "images 3 to 5"), "images 3 to 5 (fail): the input is out of range"],
  ["ends its thread", job("exit"), "exit (exit): its worker crashed: exit code 3"],
  ["throws where nobody catches", job("crash"), "crash (crash): its worker crashed: nobody catches this"],
  ["has an input that is not plain", job("echo", { f: () => 1 }), /^echo \(echo\): its input cannot be sent: .*cloned/],
  ["is of an unknown kind", job("nope"), /^nope \(nope\): no such kind of job; the table has forward, logged/],
] as const)("a job that %s is named in its outcome, and the pool goes on", async ([, bad, message]) => {
  const [outcome, next] = await Promise.all([shared.run(bad), shared.run(job("spin", { ms: 1 }))]);
  expect(outcome).toEqual({
    kind: "failed",
    message: typeof message === "string" ? message : expect.stringMatching(message),
  });
  expect(next.kind).toBe("done");
});

test("a table that cannot be loaded fails each job", async () => {
  await using pool = createPool({ table: new URL("./no-such-table.ts", import.meta.url).href, workers: 1 });
  const outcomes = await Promise.all([pool.run(job("spin")), pool.run(job("spin"))]);
  for (const outcome of outcomes) expect(outcome).toMatchObject({ kind: "failed", message: /no-such-table/ });
});

test("a job that takes too long ends as a time-out, and its worker is replaced", async () => {
  await using pool = createPool({ table, workers: 1 });
  const slow = pool.run(job("spin", { ms: 60_000 }), { timeoutMs: 30 });
  const next = pool.run(job("spin", { ms: 1 }));
  expect(await slow).toEqual({ kind: "timeout", seconds: 0.03 });
  expect((await next).kind).toBe("done");
});

test("what has not begun by its deadline is not begun, and what runs on after it is ended", async () => {
  await using pool = createPool({ table, workers: 1 });
  await pool.run(job("spin", { ms: 1 }));
  const now = performance.now();
  const window = { startBy: now + 150, endBy: now + 400 };
  const [first, running, ...waiting] = await Promise.all(
    [1, 60_000, 1, 1].map((ms) => pool.run(job("spin", { ms }), { window })),
  );
  expect(first!.kind).toBe("done");
  expect(running).toMatchObject({ kind: "timeout" });
  expect(waiting).toEqual([
    { kind: "timeout", seconds: 0 },
    { kind: "timeout", seconds: 0 },
  ]);
  expect((await pool.run(job("spin", { ms: 1 }))).kind).toBe("done");
});

test("aborting ends running and waiting jobs at once, and what was done stays done", async () => {
  await using pool = createPool({ table, workers: 2 });
  const controller = new AbortController();
  const { signal } = controller;
  const first = await pool.run(job("spin", { ms: 1 }), { signal });
  const running = pool.run(job("spin", { ms: 60_000 }), { signal, onProgress: () => controller.abort() });
  const others = Array.from({ length: 30 }, () => pool.run(job("spin", { ms: 60_000 }), { signal }));
  const unrelated = pool.run(job("spin", { ms: 1 }));
  expect(first.kind).toBe("done");
  for (const outcome of await Promise.all([running, ...others])) expect(outcome).toEqual({ kind: "aborted" });
  expect((await unrelated).kind).toBe("done");
  expect(await pool.run(job("spin", { ms: 1 }), { signal })).toEqual({ kind: "aborted" });
});

longTest(
  "a process lives on when it gives up threads in the middle of native calls, and ends in order during one",
  async () => {
    const script = builtOf(fileURLToPath(new URL("../../test/runtime/give-up.ts", import.meta.url)));
    const child = spawn(process.execPath, [script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let printed = "";
    child.stdout.on("data", (chunk) => {
      printed += chunk;
    });
    expect(await once(child, "close")).toEqual([7, null]);
    expect(printed).toBe("aborted, then done, then closed\n");
  },
);

test("closing a pool aborts what it still holds", async () => {
  const pool = createPool({ table, workers: 1 });
  const outcomes = [pool.run(job("spin", { ms: 60_000 })), pool.run(job("spin", { ms: 60_000 }))];
  await pool[Symbol.asyncDispose]();
  expect(await Promise.all(outcomes)).toEqual([{ kind: "aborted" }, { kind: "aborted" }]);
  expect(await pool.run(job("spin"))).toEqual({ kind: "aborted" });
});

test("a pool has at least one worker", () => {
  expect(() => createPool({ table, workers: 0 })).toThrow("workers must be at least 1, got 0");
});
