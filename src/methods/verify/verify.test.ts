import { afterAll, describe, expect, test } from "vitest";
import { METHODS, realMargins } from "../../../test/support/margins.ts";
import { batchOf, graphOf, randomCases, randomPlain } from "../../../test/support/random-nets.ts";
import { VARIANTS } from "../../../test/support/variants.ts";
import { verifiers } from "../../../test/support/verifiers.ts";
import { float32Tensor, floatTensor } from "../../graph/tensor.ts";
import type { Graph } from "../../graph/types.ts";
import { rng } from "../../random/rng.ts";
import { MemoryError } from "../../runtime/memory.ts";
import { createRuntime } from "../../runtime/node.ts";
import { type Batch, classification } from "../../spec/classification.ts";
import type { Threat } from "../../spec/types.ts";
import { verdictOf } from "../../spec/verdict.ts";
import { networkOf } from "../network.ts";
import { relaxationBounder } from "./bounder.ts";
import { crownBounder } from "./crown.ts";

const runtime = createRuntime();
afterAll(() => runtime[Symbol.asyncDispose]());

const BOX: Threat = { norm: "linf", epsilon: 0, domain: undefined };

describe("verdicts", () => {
  const asked = (count: number, classes: number) => {
    const images = float32Tensor([count, 1], new Float32Array(count));
    return classification(
      { input: { name: "x" }, classes, leastMargin: 0 },
      { images, labels: new Int32Array(count) },
      BOX,
    );
  };
  const verdict = (...lower: number[]) =>
    verdictOf(asked(1, lower.length + 1), { arithmetic: "float32", lower: Float64Array.from(lower) }, 0);

  test("are verified by the least margin", () => {
    expect(verdict(0.5, 0.25)).toEqual({ kind: "verified", arithmetic: "float32", margin: 0.25 });
  });
  test("are unknown at a tie and below it", () => {
    for (const margin of [0, -0, -1])
      expect(verdict(1, margin)).toMatchObject({ kind: "unknown", reason: "relaxation-too-loose" });
  });
  test.each([Number.NaN, Number.NEGATIVE_INFINITY])("are unknown where a bound is %d", (bound) => {
    expect(verdict(1, bound, 2)).toMatchObject({ kind: "unknown", reason: "numerical" });
    expect(verdict(bound, 1)).toMatchObject({ kind: "unknown", reason: "numerical" });
  });
  test("are unknown where all bounds overflowed upwards", () => {
    expect(verdict(Number.POSITIVE_INFINITY)).toMatchObject({ kind: "unknown", reason: "numerical" });
  });
  test("read the image's own rows", () => {
    const bounds = { arithmetic: "float32", lower: Float64Array.of(-1, 1, 2, 3) } as const;
    expect(verdictOf(asked(2, 3), bounds, 0).kind).toBe("unknown");
    expect(verdictOf(asked(2, 3), bounds, 1)).toMatchObject({ kind: "verified", margin: 2 });
  });
});

describe.each(verifiers)("$id", (verifier) => {
  const constant = (gap: number): Graph =>
    graphOf([{ w: [new Float64Array(2), new Float64Array(2)], b: Float64Array.of(gap, 0) }]);
  const batch: Batch = { images: float32Tensor([1, 2], Float32Array.of(0.5, 0.5)), labels: Int32Array.of(0) };
  const kindOf = async (graph: Graph, threat: Threat) => {
    const network = networkOf(graph, "constant");
    await using prepared = await verifier.prepare(network, runtime, { norm: threat.norm });
    const queries = classification(network, batch, threat);
    return verdictOf(queries, await prepared.bounds(queries), 0).kind;
  };

  test.each(verifier.norms)("certifies a constant network in any %s ball, but not a tie", async (norm) => {
    expect(await kindOf(constant(0.1), { norm, epsilon: 100, domain: undefined })).toBe("verified");
    expect(await kindOf(constant(0), { norm, epsilon: 0, domain: [0, 1] })).toBe("unknown");
  });

  test("finds a linear network's distance to its boundary in every norm", async () => {
    // margin 2·x₀ − x₁ + 0.1 at (½, ½): 0.6; dual norms 3, √5, 2
    const linear = graphOf([{ w: [Float64Array.of(2, -1), new Float64Array(2)], b: Float64Array.of(0.1, 0) }]);
    for (const [norm, distance] of [
      ["linf", 0.6 / 3],
      ["l2", 0.6 / Math.sqrt(5)],
      ["l1", 0.6 / 2],
    ] as const) {
      expect(await kindOf(linear, { norm, epsilon: 0.9999 * distance, domain: undefined }), norm).toBe("verified");
      expect(await kindOf(linear, { norm, epsilon: 1.0001 * distance, domain: undefined }), norm).toBe("unknown");
    }
  });
});

describe("CROWN in stages", () => {
  const options = { arithmetic: "real", memoryBudget: 2 ** 26, float: "float64", allRows: true } as const;

  test("is CROWN in one graph, with either slope", async () => {
    for (let seed = 0; seed < 10; seed++) {
      const net = randomPlain(seed, [3, 5, 4, 6, 3]);
      const batch = batchOf(randomCases(seed, net, 4));
      for (const method of ["crown", "fastLin"] as const) {
        const network = networkOf(graphOf(net), "net");
        const make = relaxationBounder(METHODS[method]);
        await using staged = await make(network.graph, runtime, { ...options, norm: "linf" });
        const { lower: margins } = await staged.bounds(classification(network, batch, BOX));
        const whole = await (await realMargins(graphOf(net), method))(batch);
        margins.forEach((margin, k) => {
          expect(margin).toBeCloseTo(whole[k]!, 9);
        });
      }
    }
  });

  test.each(Object.entries(VARIANTS))("finds the same whatever its budget: %s", async (name, graph) => {
    const sample = graph.inputs[0]!.shape.slice(1) as number[];
    const size = 3 * sample.reduce((p, q) => p * q, 1);
    const random = rng(2).split(name);
    const centre = Float64Array.from({ length: size }, () => random.uniform());
    const images = floatTensor([3, ...sample], centre);
    const box = { lower: centre.map((c) => c - 0.05), upper: centre.map((c) => c + 0.05) };
    const batch: Batch = { images, labels: new Int32Array(3), box };
    const of = async (memoryBudget: number) => {
      const network = networkOf(graph, name);
      await using staged = await crownBounder(network.graph, runtime, { ...options, norm: "linf", memoryBudget });
      return await staged.bounds(classification(network, batch, BOX));
    };
    await expect(of(1)).rejects.toThrow(MemoryError);
    // the least that it can work in
    let tiny: Awaited<ReturnType<typeof of>> | undefined;
    for (let budget = 2 ** 10; !tiny; budget *= 2) {
      tiny = await of(budget).catch((error: unknown) => {
        if (!(error instanceof MemoryError)) throw error;
        return undefined;
      });
    }
    const { lower: margins } = await of(2 ** 28);
    const rows = margins.length / 3;
    tiny.lower.forEach((margin, k) => {
      const reason = tiny.reasons?.[Math.floor(k / rows)];
      if (reason && k % rows > 0 && margin === Number.NEGATIVE_INFINITY) return; // left open after one that is not proved
      expect(margin).toBeCloseTo(margins[k]!, 9);
    });
  });
});
