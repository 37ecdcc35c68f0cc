import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { murmur3 } from "./murmur3.ts";
import { philox4x32 } from "./philox.ts";
import { rng } from "./rng.ts";

describe("philox4x32-10", () => {
  const run = (counter: number[], key: number[]): string[] => {
    const out = new Uint32Array(4);
    philox4x32(Uint32Array.from(counter), Uint32Array.from(key), out);
    return Array.from(out, (word) => word.toString(16).padStart(8, "0"));
  };

  // Known answers published with Random123 (kat_vectors, philox4x32 10).
  test.for([
    { counter: [0, 0, 0, 0], key: [0, 0], answer: "6627e8d5 e169c58d bc57ac4c 9b00dbd8" },
    {
      counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      key: [0xffffffff, 0xffffffff],
      answer: "408f276d 41c83b0e a20bc7c6 6d5451fd",
    },
    {
      counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      key: [0xa4093822, 0x299f31d0],
      answer: "d16cfe09 94fdcceb 5001e420 24126ea1",
    },
  ])("answers $answer", ({ counter, key, answer }) => {
    expect(run(counter, key).join(" ")).toBe(answer);
  });

  test("multiplies like 64-bit integers on random words", () => {
    const word = fc.nat(0xffffffff);
    const four = fc.tuple(word, word, word, word);
    const rounds = (counter: readonly number[], key: readonly number[]): string[] => {
      let [c0, c1, c2, c3] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
      let [k0, k1] = key.map(BigInt) as [bigint, bigint];
      for (let i = 0; i < 10; i++) {
        const first = 0xd2511f53n * c0;
        const second = 0xcd9e8d57n * c2;
        [c0, c1, c2, c3] = [
          (second >> 32n) ^ c1 ^ k0,
          second & 0xffffffffn,
          (first >> 32n) ^ c3 ^ k1,
          first & 0xffffffffn,
        ];
        k0 = (k0 + 0x9e3779b9n) & 0xffffffffn;
        k1 = (k1 + 0xbb67ae85n) & 0xffffffffn;
      }
      return [c0, c1, c2, c3].map((w) => w.toString(16).padStart(8, "0"));
    };
    fc.assert(
      fc.property(four, fc.tuple(word, word), (counter, key) => {
        expect(run(counter, key)).toEqual(rounds(counter, key));
      }),
      { seed: 11, numRuns: 300 },
    );
  });
});

describe("murmur3", () => {
  const bytesOf = (words: Uint32Array): Uint8Array => {
    const view = new DataView(new ArrayBuffer(16));
    words.forEach((word, i) => {
      view.setUint32(4 * i, word, true);
    });
    return new Uint8Array(view.buffer);
  };

  // SMHasher's own check: hash the keys {}, {0}, {0, 1}, … with seeds 256, 255, …; hash the digests; first word.
  test("gives SMHasher's published verification value 0xB3ECE62A", () => {
    const digests = new Uint8Array(256 * 16);
    for (let n = 0; n < 256; n++) {
      digests.set(
        bytesOf(
          murmur3(
            Uint8Array.from({ length: n }, (_, i) => i),
            256 - n,
          ),
        ),
        16 * n,
      );
    }
    expect(murmur3(digests)[0]!.toString(16)).toBe("b3ece62a");
  });

  test("reads a view that does not start at the buffer's beginning", () => {
    const whole = Uint8Array.from({ length: 40 }, (_, i) => (i * 37) & 255);
    expect(murmur3(whole.subarray(5))).toEqual(murmur3(whole.slice(5)));
  });
});

describe("rng", () => {
  const draw = (count: number, r = rng(1)): number[] => Array.from({ length: count }, () => r.uniform());

  test("repeats itself for the same seed and labels, and for no other", () => {
    const root = () => rng(7).split("model/ab12").split("pgd").split("input/12");
    expect(draw(5, root())).toEqual(draw(5, root()));
    const others = [rng(8).split("model/ab12").split("pgd").split("input/12"), root().split(""), root().split("0")];
    for (const other of others) expect(draw(5, other)).not.toEqual(draw(5, root()));
    expect(draw(3, rng(7).split("a").split("b"))).not.toEqual(draw(3, rng(7).split("a/b")));
    expect(draw(3, rng(7).split("ab").split("c"))).not.toEqual(draw(3, rng(7).split("a").split("bc")));
  });

  test("keeps its first numbers from one version to the next", () => {
    expect(draw(3, rng(0).split("input/0"))).toMatchInlineSnapshot(`
      [
        0.9510003324149007,
        0.8937874742983247,
        0.8373767575499704,
      ]
    `);
    expect(rng(0).split("input/0").normal()).toMatchInlineSnapshot(`1.6546311737249522`);
    expect([...rng(0).permutation(8)]).toMatchInlineSnapshot(`
      [
        6,
        2,
        5,
        1,
        4,
        0,
        3,
        7,
      ]
    `);
  });

  test("splits without drawing from the parent, wherever the parent stands", () => {
    const fresh = rng(3);
    const used = rng(3);
    draw(17, used);
    expect(draw(4, used.split("x"))).toEqual(draw(4, fresh.split("x")));
    expect(draw(17, fresh)).toEqual(draw(17, rng(3)));
  });

  test("fills an array with the numbers that single draws give", () => {
    const uniform = new Float64Array(9);
    rng(5).fillUniform(uniform, 0, 1);
    expect([...uniform]).toEqual(draw(9, rng(5)));
    const normal = new Float32Array(9);
    rng(5).fillNormal(normal, 2, 3);
    const single = rng(5);
    expect([...normal]).toEqual(Array.from({ length: 9 }, () => Math.fround(2 + 3 * single.normal())));
  });

  test("draws uniform numbers whose moments and decile counts fit", () => {
    const n = 200_000;
    const values = new Float64Array(n);
    rng(1).fillUniform(values, 0, 1);
    const deciles = new Array<number>(10).fill(0);
    let sum = 0;
    expect(values.every((v) => v >= 0 && v < 1)).toBe(true);
    for (const v of values) {
      deciles[Math.floor(v * 10)]!++;
      sum += v;
    }
    // Five standard deviations: 1/√12/√n for the mean, chi-squared with 9 degrees of freedom (99.9%: 27.9).
    expect(Math.abs(sum / n - 0.5)).toBeLessThan((5 * Math.sqrt(1 / 12)) / Math.sqrt(n));
    const chiSquared = deciles.reduce((s, count) => s + (count - n / 10) ** 2 / (n / 10), 0);
    expect(chiSquared).toBeLessThan(27.9);
  });

  test("draws normal numbers whose first four moments fit", () => {
    const n = 200_000;
    const values = new Float64Array(n);
    rng(2).fillNormal(values);
    const moment = (k: number) => values.reduce((s, v) => s + v ** k, 0) / n;
    // Five standard deviations each: variances of the moments are 1, 2, 15, 96.
    for (const [k, expected, variance] of [
      [1, 0, 1],
      [2, 1, 2],
      [3, 0, 15],
      [4, 3, 96],
    ] as const) {
      expect(Math.abs(moment(k) - expected)).toBeLessThan(5 * Math.sqrt(variance / n));
    }
  });

  test("sibling streams are uncorrelated", () => {
    const n = 100_000;
    const root = rng(4);
    const a = new Float64Array(n);
    const b = new Float64Array(n);
    root.split("restart/0").fillNormal(a);
    root.split("restart/1").fillNormal(b);
    const correlation = a.reduce((s, v, i) => s + v * b[i]!, 0) / n;
    expect(Math.abs(correlation)).toBeLessThan(5 / Math.sqrt(n));
  });

  test("draws integers without bias and refuses impossible ranges", () => {
    const r = rng(6);
    const counts = [0, 0, 0];
    for (let i = 0; i < 30_000; i++) counts[r.int(3)]!++;
    const chiSquared = counts.reduce((s, c) => s + (c - 10_000) ** 2 / 10_000, 0);
    expect(chiSquared).toBeLessThan(13.8);
    expect(r.int(1)).toBe(0);
    expect(r.int(2 ** 32)).toBeLessThan(2 ** 32);
    for (const bad of [0, -1, 1.5, Number.NaN, 2 ** 32 + 1]) expect(() => r.int(bad)).toThrow(/int\(n\)/);
  });

  test("permutes, every order equally often", () => {
    const root = rng(9);
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = root.split(`shuffle/${i}`).permutation(3).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(["012", "021", "102", "120", "201", "210"]);
    const chiSquared = [...counts.values()].reduce((s, c) => s + (c - 1000) ** 2 / 1000, 0);
    expect(chiSquared).toBeLessThan(20.5);
    expect(rng(1).permutation(0)).toHaveLength(0);
  });

  test("refuses a seed that is not a whole number", () => {
    for (const bad of [-1, 0.5, Number.NaN, 2 ** 53]) expect(() => rng(bad)).toThrow(/seed must be an integer/);
  });
});
