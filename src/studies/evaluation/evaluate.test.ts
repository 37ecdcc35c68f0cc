import { expect } from "vitest";
import { longTest } from "../../../test/support/patience.ts";
import { loadDataset } from "../../data/files.ts";
import { jobs } from "../../local/jobs.ts";
import { inlineExecutor } from "../../runtime/inline.ts";
import type { ExecuteOptions, Executor, Job, Place, Stored } from "../../runtime/jobs.ts";
import { blobsAt } from "../../runtime/node-blobs.ts";
import { nodeDigest } from "../../runtime/node-digest.ts";
import { nodeHost } from "../../runtime/node-host.ts";
import { keyHash } from "../../runtime/node-store.ts";
import { jobKinds } from "../jobs/index.ts";
import { parseEvaluation } from "./config.ts";
import { type EvaluationTerms, evaluate } from "./evaluate.ts";

const train = { architecture: "FCNNa", data: "digits", limit: 100, epochs: 1, batch: 20, learningRate: 0.01 };
const clean = {
  name: "clean",
  train,
  scan: { data: "digits", images: 20 },
  clean: 1,
  detectors: ["titration", "last-layer"],
};
const judged = {
  ...clean,
  name: "judged",
  seed: 10,
  backdoored: [
    { name: "patch", count: 1, poison: { kind: "patch", rate: 0.2 } },
    { name: "clean-label", count: 1, poison: { kind: "label-consistent", rate: 0.5 } },
  ],
};
const config = await parseEvaluation(
  {
    name: "config",
    json: {
      tasks: [{ name: "digits", dataset: "digits", reference: "clean", evaluation: "judged" }],
      detectors: ["titration", "strip", "activation-clustering"],
    },
  },
  (name) => ({ name, json: { clean, judged }[name] }),
);

/** A machine that is none: jobs run here, what they take and return goes through parsers, and all is kept in maps. */
function elsewhere() {
  const blobs = new Map<string, SharedArrayBuffer>();
  const stored = new Map<string, Stored>();
  const written = new Map<string, string | Uint8Array>();
  const ran: string[] = [];
  const inline = inlineExecutor(jobs, nodeHost(blobsAt(blobs)));
  const executor: Executor = {
    ...inline,
    async run<I, R>(job: Job<I, R>, options?: ExecuteOptions) {
      const kind = jobKinds.find(({ id }) => id === job.kind)!;
      const { input, record } = await kind.parsers();
      ran.push(job.label);
      const parsed = input.parse(structuredClone(job.input));
      expect(parsed).toEqual(job.input);
      const outcome = await inline.run<unknown, R>({ kind: job.kind, label: job.label, input: parsed }, options);
      if (outcome.kind === "done") expect(outcome.records.map((one) => record.parse(one))).toEqual(outcome.records);
      return outcome;
    },
  };
  const place: Place = {
    digest: nodeDigest,
    version: "test",
    now: () => 0,
    executor: async () => executor,
    here: async (table) => inlineExecutor(table, nodeHost(blobsAt(blobs))),
    store: async () => ({
      get: async (key) => stored.get(keyHash(key)),
      put: async (key, result) => stored.set(keyHash(key), structuredClone(result)).size > 0,
    }),
    async keep(bytes) {
      const shared = new SharedArrayBuffer(bytes.length);
      new Uint8Array(shared).set(bytes);
      const hash = nodeDigest(bytes);
      blobs.set(hash, shared);
      return hash;
    },
  };
  const terms: EvaluationTerms = {
    place,
    resume: true,
    sources: {
      dataset: (_, split) => loadDataset(`mnist:${split ?? "test"}`),
      model: () => Promise.reject(new Error("no recipe names a model")),
    },
    files: {
      read: async (name) => written.get(name) as Uint8Array | undefined,
      write: async (name, contents) => void written.set(name, contents),
    },
    about: { command: "a test", config: "its own" },
  };
  return { terms, ran, written, stored };
}

longTest(
  "an evaluation needs no machine: jobs of plain data by hash, and files that go where the caller says",
  async () => {
    const { terms, ran, written, stored } = elsewhere();
    const { file } = await evaluate(config, terms);
    const models = ["reference/models/clean-0", "evaluation/models/clean-10", "evaluation/models/patch-11"];
    expect([...written.keys()].toSorted()).toEqual(
      [
        ...[...models, "evaluation/models/clean-label-12"].map((name) => `digits/${name}.onnx`),
        "digits/reference/population.json",
        "digits/evaluation/population.json",
        "evaluation.json",
      ].toSorted(),
    );
    expect(JSON.parse(written.get("evaluation.json") as string)).toEqual(JSON.parse(JSON.stringify(file)));
    const { members } = JSON.parse(written.get("digits/evaluation/population.json") as string);
    for (const { id, sha256 } of members)
      expect(nodeDigest(written.get(`digits/evaluation/models/${id}.onnx`) as Uint8Array)).toBe(sha256);
    expect(ran.filter((label) => label.startsWith("inputs of patch-11"))).toEqual([
      "inputs of patch-11 by strip",
      "inputs of patch-11 by activation-clustering",
    ]);
    // models are files, and not a second time in the store
    const kept = [...stored.values()].flatMap(({ records }) => records);
    expect(kept.length).toBe(ran.length);
    expect(kept.filter(({ onnx }) => onnx)).toEqual([]);

    // nothing runs again but what has lost its file
    ran.length = 0;
    written.set("digits/evaluation/models/patch-11.onnx", new Uint8Array(3));
    expect((await evaluate(config, terms)).file).toEqual(file);
    expect(ran).toEqual(["training patch-11"]);
  },
);
