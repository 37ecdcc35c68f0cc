import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { PLAIN_CLASSES } from "../../data/classes.ts";
import { pgd } from "../../methods/attack/pgd.ts";
import { attackRadii, beginCourse, proveRadii, resultOf } from "../../methods/audit/measure.ts";
import type { Examiner } from "../../methods/audit/types.ts";
import { ibp } from "../../methods/verify/ibp.ts";
import { PROFILES } from "../../studies/audit/gate.ts";
import { billOfMaterialsOf } from "../ci/bill-of-materials.ts";
import { junitOf } from "../ci/junit.ts";
import { markdownOf } from "../ci/markdown.ts";
import { sarifOf } from "../ci/sarif.ts";
import { compareReports } from "../compare.ts";
import { parseReport } from "../parse.ts";
import type { AuditReport } from "../schema.ts";
import { renderText } from "../text.ts";
import { assembleReport } from "./assemble.ts";
import type { AuditFacts } from "./facts.ts";

/** Nothing is broken, and everything proved. */
const done = (record: object) => async (_method: unknown, _settings: unknown, positions: readonly number[]) =>
  positions.map(() => ({ kind: "done", seconds: 0, record }));
const EXAMINER = {
  attack: done({ predicted: 0, margin: 1, distance: 0, confidence: 1 }),
  bound: async (...given: Parameters<Examiner["bound"]>) => {
    const [method, { arithmetic }, positions] = given;
    const kind = arithmetic === "real" ? "bounded" : "verified";
    return done({ verdict: { kind, arithmetic, margin: 1 }, sampled: null })(method, {}, positions);
  },
  now: () => 0,
} as unknown as Examiner;

async function facts(arithmetic: "float32" | "real", sha256?: string): Promise<AuditFacts> {
  const labels = Int32Array.of(0, 1, 0);
  const images = Float32Array.of(0.1, 0.2, 0.3, 0.4, 0.5, 0.6);
  const plan = { norm: "linf", epsilons: [0.1], domain: [0, 1], attacks: [pgd.with({ restarts: 2 })] } as const;
  const course = beginCourse({ ...plan, verifiers: [ibp], arithmetic }, [0, 1, 2]);
  await attackRadii(EXAMINER, course);
  await proveRadii(EXAMINER, course, ibp);
  return {
    tool: { name: "assay", version: "0" },
    created: "2026-01-01T00:00:00Z",
    seed: 3,
    command: "assay audit",
    seconds: 1,
    model: {
      fileName: "m",
      sha256: "a".repeat(64),
      bytes: 1,
      opset: 13,
      producer: "",
      graph: { inputs: [], outputs: [] },
    },
    dataset: { name: "points.csv", source: "a table", notes: [], shape: [2], range: "0..1", ...(sha256 && { sha256 }) },
    unit: "pixels",
    naming: PLAIN_CLASSES,
    notices: [],
    selection: "all 3",
    contract: {
      items: [
        { item: "range", value: "0 … 1 as it is", basis: "stated", reason: "" },
        { item: "normalisation", value: "mean 0.5, deviation 0.25", basis: "stated", reason: "" },
      ],
    },
    geometry: undefined,
    classes: 2,
    chunk: { images, labels, indices: Int32Array.of(0, 1, 2) },
    labelled: true,
    predictions: Array.from(labels, (predicted) => ({ predicted, margin: 1 })),
    predictSeconds: 0.5,
    headlineEpsilon: 0.1,
    robustness: resultOf(course),
    patches: undefined,
    backdoor: undefined,
    unexamined: {},
    incidents: [],
    arithmetic,
    own: [],
    gate: PROFILES.robust,
    environment: [],
  } as unknown as AuditFacts;
}

const runsOf = async (...given: Parameters<typeof facts>) => {
  // what this version writes, it reads
  const { runs } = parseReport(JSON.parse(JSON.stringify(assembleReport(await facts(...given)))));
  return Object.fromEntries(runs.map((run) => [run.purpose, run]));
};

test("every run says with which version and settings, those that nobody stated included", async () => {
  const { attack, verify } = await runsOf("float32");
  expect(attack!.options).toEqual({
    version: pgd.version,
    norm: "linf",
    epsilon: 0.1,
    least: 0,
    most: 1,
    steps: 40,
    restarts: 2,
    loss: "margin",
    relativeStep: "2.5 / steps",
  });
  expect(verify!.options).toEqual({ version: ibp.version, norm: "linf", epsilon: 0.1, least: 0, most: 1 });
  expect(verify!.arithmetic).toBe("float32-safe");
  expect(verify!.counts).toEqual({ inputs: 3, certified: 3 });
  expect((await runsOf("real"))["verify"]).toMatchObject({ arithmetic: "real", counts: { inputs: 3, bounded: 3 } });
});

/** Every key of plain data with its value. */
const entriesOf = (value: unknown): [string, unknown][] =>
  typeof value === "object" && value !== null
    ? Object.entries(value).flatMap(([key, own]) => [[key, own] as [string, unknown], ...entriesOf(own)])
    : [];

test("in real arithmetic nothing of a report can be read as certified or proved, key or value", async () => {
  const reportIn = async (arithmetic: "float32" | "real") =>
    parseReport(JSON.parse(JSON.stringify(assembleReport(await facts(arithmetic)))));
  const [real, float] = [await reportIn("real"), await reportIn("float32")];
  const claims = (report: AuditReport) =>
    entriesOf(report).filter(
      ([key, value]) => (/certif|proved/i.test(key) && value) || value === "certified" || value === "proved",
    );
  expect(claims(real)).toEqual([]);
  expect(claims(float).length).toBeGreaterThan(2);
  const [point, same] = [real, float].map(({ robustness }) => robustness[0]!.points[0]!);
  expect(point).toMatchObject({ certifiedLower: null, boundedLower: same!.certifiedLower });
  expect(point!.counts).toMatchObject({ certified: 0, bounded: 3, unknown: 0 });
  for (const text of [renderText(real), markdownOf(real), junitOf(real), sarifOf(real), billOfMaterialsOf(real)]) {
    const words = typeof text === "string" ? text : JSON.stringify(text);
    expect(words).not.toMatch(/certified|proved (right|to stay|within)|^ +proved |proved, at least/m);
    expect(words).toMatch(/bounded[ (]/i);
  }
  // a report of an earlier version called the same certified
  const old = { ...float, runs: real.runs };
  expect(compareReports(old, old).rates.map(({ id }) => id)).not.toContain("proved");
  expect(compareReports(float, float).rates.map(({ id }) => id)).toContain("proved");
});

test("the inputs are named by their file's hash, or by their own, with what was done to them", async () => {
  const { accuracy } = await runsOf("float32", "b".repeat(64));
  const shared = {
    data: "points.csv",
    selection: "all 3",
    range: "0 … 1 as it is",
    normalisation: "mean 0.5, deviation 0.25",
  };
  expect(accuracy!.options).toEqual({ ...shared, dataSha256: "b".repeat(64) });
  const hash = (values: Float32Array | Int32Array) => createHash("sha256").update(values).digest("hex");
  expect((await runsOf("float32"))["accuracy"]!.options).toEqual({
    ...shared,
    inputsSha256: hash(Float32Array.of(0.1, 0.2, 0.3, 0.4, 0.5, 0.6)),
    labelsSha256: hash(Int32Array.of(0, 1, 0)),
  });
  expect(accuracy).toMatchObject({ seconds: 0.5, counts: { inputs: 3, correct: 3 } });
});
