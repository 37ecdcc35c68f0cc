/** @file When time runs out, what is finished stands as it is, and what is not is unknown: never an error, never a proof that fails. */

import { afterAll, expect, test } from "vitest";
import { floatTensor } from "../src/graph/tensor.ts";
import { attacks } from "../src/methods/attack/index.ts";
import { networkOf } from "../src/methods/network.ts";
import type { BoundRecord, Chunk } from "../src/methods/records.ts";
import type { Verifier } from "../src/methods/verify/types.ts";
import { evaluateGraph } from "../src/ops/evaluate.ts";
import { rng } from "../src/random/rng.ts";
import type { Executor, Job, Outcome, Place, Store } from "../src/runtime/jobs.ts";
import { createRuntime } from "../src/runtime/node.ts";
import { nodeDigest } from "../src/runtime/node-digest.ts";
import type { Compile } from "../src/runtime/session.ts";
import { ballOf } from "../src/spec/ball.ts";
import { classification } from "../src/spec/classification.ts";
import type { Queries, Threat } from "../src/spec/types.ts";
import { verdictOf } from "../src/spec/verdict.ts";
import { createEngine } from "../src/studies/engine.ts";
import type { ModelInput } from "../src/studies/jobs/examine.ts";
import * as jobs from "../src/studies/jobs/kinds.ts";
import { SILENT } from "../src/studies/progress.ts";
import { denseNet } from "./support/nets.ts";
import { verifiers } from "./support/verifiers.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const [SIZE, CLASSES, COUNT] = [8, 5, 6];
const network = networkOf(denseNet(5, [SIZE, 20, 16, CLASSES]), "net");

/** A clock that counts runs of the engine. */
function counted() {
  let runs = 0;
  const compile: Compile = async (graph, options) => {
    const session = await runtime.compile(graph, options);
    return {
      ...session,
      run: (feeds) => {
        runs++;
        return session.run(feeds);
      },
    };
  };
  return {
    compile,
    /** So many runs from now on. */
    limit: (most: number) => {
      const start = runs;
      return () => start + most - runs;
    },
  };
}

function inputs() {
  const data = new Float32Array(COUNT * SIZE);
  rng(11).fillUniform(data, 0, 1);
  const images = floatTensor([COUNT, SIZE], data);
  const logits = logitsAt(data);
  const labels = Int32Array.from({ length: COUNT }, (_, i) => {
    const own = Array.from(logits.slice(i * CLASSES, (i + 1) * CLASSES));
    return own.indexOf(Math.max(...own));
  });
  return { images, data, labels, indices: labels.map((_, i) => i) };
}

const logitsAt = (data: Float32Array): ArrayLike<number> & { slice: Float64Array["slice"] } =>
  evaluateGraph(network.graph, new Map([[network.input.name, floatTensor([data.length / SIZE, SIZE], data)]])).get(
    "logits",
  )!.data as Float64Array;

/** The least memory, from 8 KiB in powers of two, within which a verifier bounds an input. */
async function leastBudget(verifier: Verifier, queries: Queries): Promise<number> {
  for (let budget = 2 ** 13; ; budget *= 2) {
    await using prepared = await verifier.prepare(network, runtime, { norm: "linf", memoryBudget: budget });
    const { lower } = await prepared.bounds(queries);
    if (lower.some(Number.isFinite)) return budget;
  }
}

test.each(verifiers)("$id keeps the bounds it has, and what it has not is unknown", async (verifier) => {
  const threat: Threat = { norm: "linf", epsilon: 0.01, domain: [0, 1] };
  const clock = counted();
  const { images, data, labels } = inputs();
  const queries = classification(network, { images, labels }, threat);
  // few rows and inputs a run, so that there are many
  await using prepared = await verifier.prepare(network, clock, {
    norm: "linf",
    memoryBudget: await leastBudget(verifier, queries),
  });
  const full = await prepared.bounds(queries);
  const rows = CLASSES - 1;
  const own = (lower: Float64Array, i: number) => lower.subarray(i * rows, (i + 1) * rows);
  expect(await prepared.bounds(queries, clock.limit(1e6))).toEqual(full);
  const proved = new Set<number>();
  const seen = new Set<string>();
  const points = Array.from({ length: 200 }, (_, k) => {
    const i = k % COUNT;
    const logits = logitsAt(ballOf(threat).randomStart(data.slice(i * SIZE, (i + 1) * SIZE), rng(k)));
    const margins = Array.from(logits).flatMap((value, c) => (c === labels[i] ? [] : [logits[labels[i]!]! - value]));
    return { i, margins };
  });
  for (let most = 0; most < 60; most++) {
    const bounds = await prepared.bounds(queries, clock.limit(most));
    for (let i = 0; i < COUNT; i++) {
      const verdict = verdictOf(queries, bounds, i);
      const unlimited = verdictOf(queries, full, i);
      const same = own(bounds.lower, i).every((bound, r) => bound === own(full.lower, i)[r]);
      if (verdict.kind === "unknown" && verdict.reason === "timeout") seen.add("timeout");
      else if (verdict.kind === "unknown") {
        // what is not said to be for want of time is what more time says, too
        expect(same).toBe(true);
        expect(verdict).toEqual(unlimited);
      } else proved.add(i);
      if (same) seen.add("same");
    }
    for (const { i, margins } of points)
      own(bounds.lower, i).forEach((bound, r) => {
        expect(margins[r]!).toBeGreaterThanOrEqual(bound - 1e-5);
      });
  }
  // the test is of something only where there is something to prove, to lose and to keep
  expect(proved.size).toBeGreaterThan(0);
  expect([...seen].toSorted()).toEqual(["same", "timeout"]);
  const late = await prepared.bounds(queries, () => 0);
  for (let i = 0; i < COUNT; i++)
    expect(verdictOf(queries, late, i)).toMatchObject({ kind: "unknown", reason: "timeout" });
});

test("interval bounds of the inputs before time ran out are those of the unlimited run, one by one", async () => {
  const clock = counted();
  const { images, labels } = inputs();
  const queries = classification(network, { images, labels }, { norm: "linf", epsilon: 0.01, domain: [0, 1] });
  const ibp = verifiers.find(({ id }) => id === "ibp")!;
  // room for few inputs a run
  await using prepared = await ibp.prepare(network, clock, { norm: "linf", memoryBudget: 2 ** 12 });
  const full = await prepared.bounds(queries);
  let each = 0;
  for (let most = 0; most <= COUNT; most++) {
    // a run is begun only where another one as long as the longest ends in time
    const { lower, reasons } = await prepared.bounds(queries, clock.limit(most));
    const finished = Array.from({ length: COUNT }, (_, i) => Number.isFinite(lower[i * (CLASSES - 1)]));
    const k = finished.filter(Boolean).length;
    expect(finished).toEqual(finished.map((_, i) => i < k));
    if (most === 1) each = k;
    expect(k).toBe(Math.min(COUNT, each * (most < 2 ? most : most - 1)));
    expect(lower.subarray(0, k * (CLASSES - 1))).toEqual(full.lower.subarray(0, k * (CLASSES - 1)));
    expect(reasons!.slice(k).every((why) => why?.reason === "timeout")).toBe(true);
  }
  expect(each).toBeGreaterThan(0);
  expect(each).toBeLessThan(COUNT);
});

test("neurons that would take many times what is left are not begun: the time goes to the rows", async () => {
  const wide = networkOf(denseNet(5, [SIZE, 150, 150, CLASSES]), "wide");
  const clock = counted();
  const { images, labels } = inputs();
  const one = { images: floatTensor([1, SIZE], images.data.slice(0, SIZE)), labels: labels.slice(0, 1) };
  const queries = classification(wide, one, { norm: "linf", epsilon: 0.2, domain: [0, 1] });
  const crown = verifiers.find(({ id }) => id === "crown")!;
  await using prepared = await crown.prepare(wide, clock, { norm: "linf", memoryBudget: 2 ** 14 });
  const used = async (most: number) => {
    const left = clock.limit(most);
    const { lower, reasons } = await prepared.bounds(queries, left);
    return { runs: most - left(), lower, why: reasons?.[0]?.reason };
  };
  const full = await used(1e6);
  expect(full.why).not.toBe("timeout");
  expect(full.runs).toBeGreaterThan(100);
  const short = await used(Math.floor(full.runs / 9));
  expect(short.why).toBe("timeout");
  expect(short.runs).toBeLessThan(full.runs / 18);
  // rows that follow a disjunct that is not proved are left open, as without a limit
  expect([...short.lower].some(Number.isFinite)).toBe(true);
  // where most of them fit they are still bounded, one after the other
  expect((await used(Math.floor(full.runs / 2))).runs).toBeGreaterThan(full.runs / 4);
});

test.each(attacks)("$id keeps the witnesses it has, and says which searches are not finished", async (attack) => {
  const threat: Threat = { norm: "linf", epsilon: 0.3, domain: [0, 1] };
  const clock = counted();
  const { images, labels, indices } = inputs();
  const batch = { images, labels, indices };
  await using prepared = await attack.with({ restarts: 1, steps: 20 }).prepare(network, clock, { threat, seed: 1 });
  const full = await prepared.attack(batch);
  expect(await prepared.attack(batch, clock.limit(1e6))).toEqual(full);
  const found: number[] = [];
  for (let most = 0; most < 40; most++) {
    const attempts = await prepared.attack(batch, clock.limit(most));
    for (const [i, attempt] of attempts.entries()) {
      if (attempt.success) expect(full[i]!.success).toBe(true);
      else if (!attempt.unfinished) expect(attempt).toEqual(full[i]);
    }
    found.push(attempts.filter(({ success }) => success).length);
  }
  expect(found).toEqual(found.toSorted((a, b) => a - b));
  expect(found.at(-1)).toBeGreaterThan(0);
});

const verified = (margin: number): BoundRecord => ({
  verdict: { kind: "verified", arithmetic: "float32", margin },
  sampled: null,
});
const late = (margin: number): BoundRecord => ({
  verdict: { kind: "unknown", arithmetic: "float32", margin, reason: "timeout" },
  sampled: null,
});

test("of a chunk whose time is up the finished inputs stand, the others get their own time, and only what is whole is stored", async () => {
  const stored: string[] = [];
  const ran: string[] = [];
  const executor: Executor = {
    workers: 1,
    async run<I, R>({ input }: Job<I, R>): Promise<Outcome<R>> {
      const { indices } = (input as ModelInput<unknown>).chunk;
      ran.push(indices.join());
      // together the odd ones are too slow; alone only input 3 is
      const slow = (i: number) => (indices.length > 1 ? i % 2 === 1 : i === 3);
      const records = Array.from(indices, (i) => (slow(i) ? late(-i) : verified(indices.length > 1 ? 1 : 2)));
      return { kind: "done", records: records as unknown as R[], seconds: indices.length };
    },
    async [Symbol.asyncDispose]() {},
  };
  const store: Store = {
    get: async () => undefined,
    put: async (_, { records }) => {
      stored.push(JSON.stringify(records));
      return true;
    },
  };
  const place: Place = {
    executor: async () => executor,
    here: async () => executor,
    store: async () => store,
    keep: async () => "",
    digest: nodeDigest,
    version: "test",
    now: () => 0,
  };
  const subject = { fileName: "net", model: "", external: [], choice: {}, normalisation: null, device: "cpu" } as never;
  const engine = createEngine({ subject, subjectHash: "net", place, resume: false, timeout: 1, progress: SILENT });
  const indices = Int32Array.from({ length: COUNT }, (_, i) => i);
  const chunk: Chunk = { images: new Float32Array(COUNT), labels: indices, indices };
  const received: number[] = [];
  const answers = await engine.run(
    {
      job: jobs.bound,
      what: "proving",
      method: { id: "x", version: 1 },
      settings: { threat: { norm: "linf", epsilon: 0.1, domain: undefined }, arithmetic: "float32", options: {} },
      inputs: chunk,
    },
    (some, { indices: of }) => {
      received.push(...of);
      return some;
    },
  );
  expect(ran).toEqual(["0,1,2,3,4,5", "1", "3", "5"]);
  expect(received.toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
  expect(answers).toEqual([
    { kind: "done", record: verified(1), seconds: 1 },
    { kind: "done", record: verified(2), seconds: 1 },
    { kind: "done", record: verified(1), seconds: 1 },
    { kind: "timeout", reason: "timeout", record: late(-3) },
    { kind: "done", record: verified(1), seconds: 1 },
    { kind: "done", record: verified(2), seconds: 1 },
  ]);
  expect(stored).toEqual([JSON.stringify([verified(2)]), JSON.stringify([verified(2)])]);
});
