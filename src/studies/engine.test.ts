import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { denseNet } from "../../test/support/nets.ts";
import { exportOnnx } from "../formats/onnx/export.ts";
import { jobs, tableUrl } from "../local/jobs.ts";
import { attackOf } from "../methods/attack/index.ts";
import type { BoundRecord, Chunk } from "../methods/records.ts";
import { verifierOf } from "../methods/verify/index.ts";
import { rng } from "../random/rng.ts";
import { loadModel } from "../runtime/node-model.ts";
import { type LocalPlace, localPlace } from "../runtime/node-place.ts";
import { createEngine, type Engine, type Task } from "./engine.ts";
import type { BoundSettings } from "./jobs/examine.ts";
import * as jobKinds from "./jobs/kinds.ts";
import type { SubjectSpec } from "./jobs/subject.ts";

const SIZE = 6;
const COUNT = 40;
let folder: string;
let subject: SubjectSpec;
let modelPath: string;
const said: string[] = [];
const controller = new AbortController();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "assay-engine-"));
  const path = join(folder, "net.onnx");
  writeFileSync(path, exportOnnx(denseNet(1, [SIZE, 8, 3])));
  const { sha256, choice, external } = await loadModel(path);
  subject = { fileName: path, model: sha256, external, choice, normalisation: null, device: "cpu" };
  modelPath = path;
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Here extends Engine, AsyncDisposable {
  readonly place: LocalPlace;
}

function engine(signal = controller.signal, advance: (units: number) => void = () => {}): Here {
  const place = localPlace({ jobs, table: tableUrl, workers: 2, directory: join(folder, ".assay"), version: "test" });
  place.know(subject.model, modelPath);
  const progress = { expect: () => {}, advance, say: (line: string) => said.push(line), end: () => {} };
  const made = createEngine({ subject, subjectHash: "net", place, resume: false, signal, progress });
  return { ...made, place, [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() };
}

function chunk(): Chunk {
  const images = new Float32Array(COUNT * SIZE);
  rng(3).fillUniform(images, 0, 1);
  const indices = Int32Array.from({ length: COUNT }, (_, i) => i);
  return { images, labels: indices.map((i) => i % 3), indices };
}

type BoundTask = Task<BoundSettings, BoundRecord>;

const threat = { norm: "linf", epsilon: 0.01, domain: [0, 1] } as const;
const bound = (id: string, own: Partial<BoundTask> = {}): BoundTask => ({
  job: jobKinds.bound,
  what: `proving with ${id}`,
  method: { id, version: 1 },
  settings: { threat, arithmetic: "float32", options: {} },
  inputs: chunk(),
  ...own,
});

test("an error of one method is unknown with a reason, told once a chunk, and everything else goes on", async () => {
  await using own = engine();
  said.length = 0;
  // no verifier has this name: a fault of the program, as the caller should have known
  const answers = await own.run(bound("no-such-verifier"));
  expect(answers).toHaveLength(COUNT);
  for (const answer of answers) expect(answer).toEqual({ kind: "failed", reason: "internal-error" });
  // two threads: either chunk may end first
  expect(own.failures.map(({ inputs, reason }) => `${inputs} ${reason}`).toSorted()).toEqual([
    "32 internal-error",
    "8 internal-error",
  ]);
  expect(own.failures[0]!.message).toContain("no-such-verifier");
  for (const line of said) expect(line).toMatch(/internal error.*unknown.*please report it/);
  const proofs = await own.run(bound("ibp"));
  expect(proofs.every(({ kind }) => kind === "done")).toBe(true);
  const attack = await own.run({
    what: "attacking",
    inputs: chunk(),
    job: jobKinds.attack,
    method: attackOf("pgd"),
    settings: { threat, seed: 0, options: { steps: 2, restarts: 1 } },
  });
  expect(attack.every(({ kind }) => kind === "done")).toBe(true);
  // one part of several that fails leaves the others
  const endings = await own.all("proving", [bound("ibp"), bound("no-such-verifier")]);
  expect(endings.map(({ kind }) => kind)).toEqual(["done", "unanswered"]);
});

test("on the main thread, too, an error ends nothing", async () => {
  await using own = engine();
  const few = {
    ...chunk(),
    images: chunk().images.slice(0, SIZE),
    labels: Int32Array.of(0),
    indices: Int32Array.of(0),
  };
  expect(await own.run(bound("no-such-verifier", { inputs: few }))).toEqual([
    { kind: "failed", reason: "internal-error" },
  ]);
  expect(own.place.workers).toBe(0);
  // the clean answers are what all else is built on
  await expect(
    own.run({ ...bound("x", { inputs: few }), essential: true, method: { id: "no-such-verifier", version: 1 } }),
  ).rejects.toThrow();
});

test("what has not begun by the deadline is not examined; what has time gives the same answers in other chunks", async () => {
  await using own = engine();
  const late = await own.run(bound("ibp", { deadline: performance.now() - 1 }));
  expect(late).toHaveLength(COUNT);
  for (const answer of late) expect(answer).toEqual({ kind: "timeout", reason: "time-budget" });
  const [ending] = await own.all("proving", [bound("ibp")], { deadline: performance.now() - 1 });
  expect(ending).toMatchObject({ kind: "unanswered", reason: "time-budget" });
  const records = async (limits: Partial<BoundTask>) =>
    (await own.run(bound("ibp", { method: verifierOf("ibp"), ...limits }))).map((answer) =>
      answer.kind === "done" ? answer.record : answer,
    );
  expect(await records({ deadline: performance.now() + 60_000 })).toEqual(await records({}));
  expect(own.failures).toEqual([]);
});

test("an interruption ends a run, or is an answer where results so far are wanted", async () => {
  await using own = engine(AbortSignal.abort());
  await expect(own.run(bound("ibp"))).rejects.toThrow("--resume");
  const answers = await own.run(bound("ibp", { partial: true }));
  for (const answer of answers) expect(answer).toEqual({ kind: "timeout", reason: "interrupted" });
});

test("the steps of a long job are told, and come to what the job is worth in all", async () => {
  const advanced: number[] = [];
  await using own = engine(controller.signal, (units) => advanced.push(units));
  const geometry = { channels: 1, height: 2, width: 3, layout: "NCHW" } as const;
  const candidates = [0, 1, 2, 3].map((k) => ({ top: 0, left: k % 2, shade: 0 }));
  const task = { job: jobKinds.scan, what: "trying patches", method: { id: "patch-screen", version: 1 } };
  await own.each({ ...task, inputs: chunk() }, [{ geometry, candidates }]);
  expect(advanced.length).toBeGreaterThanOrEqual(4);
  expect(advanced.reduce((sum, units) => sum + units, 0)).toBeCloseTo(1);
});
