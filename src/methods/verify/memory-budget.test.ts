import { afterAll, describe, expect, test } from "vitest";
import { convNet, denseNet } from "../../../test/support/nets.ts";
import { verifiers } from "../../../test/support/verifiers.ts";
import { float32Tensor } from "../../graph/tensor.ts";
import type { Graph } from "../../graph/types.ts";
import { rng } from "../../random/rng.ts";
import { fitOf, peakBytes } from "../../runtime/memory.ts";
import { createRuntime } from "../../runtime/node.ts";
import { type Batch, classification, marginSpec } from "../../spec/classification.ts";
import type { Threat } from "../../spec/types.ts";
import { verdictOf } from "../../spec/verdict.ts";
import { networkOf } from "../network.ts";
import { boundInRows } from "./whole.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const CLASSES = 24;
const layer = { channels: 3, kernel: 3, stride: 1, pad: 1 };
const NETS: Readonly<Record<string, Graph>> = {
  dense: denseNet(5, [12, 20, 16, CLASSES]),
  "residual convolutions": convNet(7, [3, 5], [layer, layer], [CLASSES], true),
};

/** Points that the network answers by 0, …, n − 1: some are proved at this radius and some are not. */
async function batchOf(graph: Graph, count: number): Promise<Batch> {
  const sample = graph.inputs[0]!.shape.slice(1) as number[];
  const size = sample.reduce((product, dim) => product * dim, 1);
  const data = new Float32Array(count * size);
  rng(11).fillUniform(data, 0, 1);
  const images = float32Tensor([count, ...sample], data);
  const session = await runtime.compile(graph, { float: "float32" });
  const logits = (await session.run({ x: images }))["logits"]!.data;
  const labels = Int32Array.from({ length: count }, (_, i) => {
    const own = Array.from(logits.subarray(i * CLASSES, (i + 1) * CLASSES));
    return own.indexOf(Math.max(...own));
  });
  return { images, labels };
}

describe.each(Object.entries(NETS))("under any memory budget, on a net of %s,", (_, graph) => {
  const network = networkOf(graph, "net");
  const threat: Threat = { norm: "linf", epsilon: 0.004, domain: [0, 1] };

  test.each(verifiers)("$id bounds the same, or leaves open and says why", async (verifier) => {
    const batch = await batchOf(graph, 3);
    const queries = classification(network, batch, threat);
    const boundsWithin = async (memoryBudget: number) => {
      await using prepared = await verifier.prepare(network, runtime, { norm: threat.norm, memoryBudget });
      return await prepared.bounds(queries);
    };
    const whole = await boundsWithin(2 ** 28);
    expect(whole.lower.every(Number.isFinite)).toBe(true);
    const kinds = new Set<string>();
    for (const budget of [1, ...[9, 10, 11, 12, 13, 14, 15, 16, 20].map((power) => 2 ** power)]) {
      const bounds = await boundsWithin(budget);
      for (const i of batch.labels.keys()) {
        const [rows, full] = [bounds, whole].map(({ lower }) =>
          lower.subarray(i * (CLASSES - 1), (i + 1) * (CLASSES - 1)),
        );
        const verdict = verdictOf(queries, bounds, i);
        const open = rows!.indexOf(Number.NEGATIVE_INFINITY);
        const bounded = open < 0 ? rows!.length : open;
        for (let r = 0; r < bounded; r++) expect(rows![r]).toBeCloseTo(full![r]!, 4);
        expect(rows!.subarray(bounded).every((bound) => bound === Number.NEGATIVE_INFINITY)).toBe(true);
        if (verdict.kind === "verified") expect(verdictOf(queries, whole, i).kind).toBe("verified");
        else if (bounded === 0) {
          expect(verdict).toMatchObject({ kind: "unknown", reason: "memory" });
          expect(verdict).toHaveProperty("detail", expect.stringMatching(/takes at least \d+ MB.*--memory/));
        } else if (bounded < rows!.length) {
          // a row that is not proved comes before what was left open
          expect(Math.min(...rows!.subarray(0, bounded))).toBeLessThanOrEqual(0);
          expect(verdict).toMatchObject({ kind: "unknown", reason: "relaxation-too-loose" });
        }
        kinds.add(bounded === 0 ? "memory" : bounded < rows!.length ? "left open" : "bounded");
      }
    }
    expect(kinds).toContain("memory");
    expect(kinds).toContain("bounded");
  });
});

describe("a graph too large to be made", () => {
  const network = networkOf(NETS["dense"]!, "net");
  const threat: Threat = { norm: "linf", epsilon: 0.1, domain: [0, 1] };
  const failing = (message: string) => ({
    compile: () => Promise.reject(new RangeError(message)),
  });

  test.each(verifiers)("is unknown for memory with $id, and other errors are errors", async (verifier) => {
    for (const message of ["Invalid typed array length: 40282095616", "data is too long", "std::bad_alloc"]) {
      await using prepared = await verifier.prepare(network, failing(message), { norm: threat.norm });
      const queries = classification(network, await batchOf(NETS["dense"]!, 2), threat);
      const bounds = await prepared.bounds(queries);
      expect(verdictOf(queries, bounds, 1)).toMatchObject({ kind: "unknown", reason: "memory" });
    }
    await expect(verifier.prepare(network, failing("no such op"), { norm: threat.norm })).rejects.toThrow("no such op");
  });
});

describe("rows of one image", () => {
  const spec = marginSpec([2], 6);
  const run = async (bounds: readonly number[], atOnce: number) => {
    const lower = new Float64Array(5).fill(Number.NEGATIVE_INFINITY);
    const asked: number[] = [];
    const shortfall = await boundInRows(spec, 0, atOnce, { lower }, async ({ shape, data }) => {
      expect(data).toHaveLength(shape[1]! * 6);
      const from = asked.reduce((sum, count) => sum + count, 0);
      asked.push(shape[1]!);
      return bounds.slice(from, from + shape[1]!);
    });
    return { lower: [...lower], asked, reason: shortfall?.reason };
  };

  test("are all bounded where each is proved", async () => {
    expect(await run([1, 2, 3, 4, 5], 2)).toEqual({ lower: [1, 2, 3, 4, 5], asked: [2, 2, 1], reason: undefined });
    expect(await run([1, 2, 3, 4, -5], 2)).toMatchObject({ lower: [1, 2, 3, 4, -5], reason: undefined });
  });
  test("end at the first that is not", async () => {
    const open = Number.NEGATIVE_INFINITY;
    expect(await run([1, 0, 3, 4, 5], 2)).toEqual({
      lower: [1, 0, open, open, open],
      asked: [2],
      reason: "relaxation-too-loose",
    });
    expect(await run([1, Number.NaN, 3, 4, 5], 2)).toMatchObject({ asked: [2], reason: undefined });
  });
});

test("as many rows fit as the budget has room for, and none where one does not", async () => {
  const graph = NETS["dense"]!;
  const each = peakBytes(graph, 1, "float32");
  expect(peakBytes(graph, 3, "float32")).toBe(3 * each);
  // one counts as it is, each further one four times
  expect(fitOf(graph, 9 * each).atOnce).toBe(3);
  expect(fitOf(graph, 9 * each - 1).atOnce).toBe(2);
  expect(fitOf(graph, each).atOnce).toBe(1);
  expect(fitOf(graph, each - 1)).toMatchObject({ atOnce: 0, least: each });
});

test("rows are bounded with the signs and classes of the specification", async () => {
  const graph = NETS["dense"]!;
  const batch = await batchOf(graph, 1);
  const asked: number[][] = [];
  const spec = marginSpec(batch.labels, CLASSES);
  await boundInRows(spec, 0, 1, { lower: new Float64Array(CLASSES - 1) }, async (rows) => {
    asked.push(Array.from(rows.data));
    return [1];
  });
  const others = Array.from({ length: CLASSES }, (_, j) => j).filter((j) => j !== batch.labels[0]);
  expect(asked.map((row) => row.indexOf(-1))).toEqual(others);
  expect(asked.every((row) => row[batch.labels[0]!] === 1 && row.filter((value) => value !== 0).length === 2)).toBe(
    true,
  );
});
