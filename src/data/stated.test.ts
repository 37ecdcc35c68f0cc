import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { orientationOf, upright } from "../formats/exif.ts";
import { classNaming, classText, labelOf, outputOf, sayingClasses } from "./classes.ts";
import { confirmContract } from "./confirm.ts";
import { fromArray } from "./convert.ts";
import { coinTail } from "./normalisations.ts";
import { resizePlane, sizedPlane } from "./sizing.ts";

describe("confirmation by classes", () => {
  const labels = (counts: readonly number[]) => counts.flatMap((n, label) => Array<number>(n).fill(label));
  const confirm = (truth: readonly number[], predicted: readonly number[]) =>
    confirmContract({
      correct: truth.filter((label, i) => label === predicted[i]).length,
      total: truth.length,
      classes: 3,
      answers: { labels: truth, predicted },
    });

  test("chance is the share of the commonest class, and one answer to everything is never confirmed", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 3, maxLength: 3 }),
        fc.nat(2),
        (counts, only) => {
          fc.pre(counts.some((n) => n > 0));
          const truth = labels(counts);
          const { kind, chance } = confirm(
            truth,
            truth.map(() => only),
          );
          expect(chance).toBeCloseTo(Math.max(...counts) / truth.length, 12);
          expect(["one-class", "at-chance", "too-few"]).toContain(kind);
        },
      ),
      { seed: 3, numRuns: 200 },
    );
    expect(confirm(labels([380, 10, 10]), Array<number>(400).fill(0))).toMatchObject({
      kind: "one-class",
      ok: false,
      balanced: 1 / 3,
    });
  });

  test("few of a rare class told apart are more than always giving the commonest", () => {
    const truth = labels([380, 20]);
    // 15 of 20 rare ones right, 4 common ones wrong: 391 of 400, whose exact interval begins at 95.1%; 12 and 4: 388
    const answers = (rare: number, wrong: number) =>
      truth.map((label, i) => (label === 1 ? (i < 380 + rare ? 1 : 0) : i < wrong ? 1 : 0));
    expect(confirm(truth, answers(15, 4)).kind).toBe("confirmed");
    // 388 of 400 begins at 94.8%, below chance; of 16 inputs where they differ the model has 12, too few for 95%
    expect(confirm(truth, answers(12, 4)).kind).toBe("at-chance");
    expect(confirm(truth, answers(9, 0)).kind).toBe("low");
  });

  test("low accuracy beyond chance is not confirmed, and says what is taken for what", () => {
    const truth = Array.from({ length: 300 }, (_, i) => i % 3);
    const answers = truth.map((label, i) => (i % 10 < 5 ? label : 2));
    const result = confirm(truth, answers);
    expect(result).toMatchObject({ kind: "low", ok: true });
    expect(result.message).toMatch(/^Better than chance, but low.*class 0 taken for class 2 \(50 of 100\)/);
    expect(confirm(truth, truth).kind).toBe("confirmed");
    expect(confirm(labels([50]), Array<number>(50).fill(0))).toMatchObject({ kind: "too-few", ok: true });
  });
});

test("the tail of fair coins, by counting", () => {
  // of 4 coins: 1, 4, 6, 4, 1 of 16
  expect([0, 1, 2, 3, 4, 5].map((heads) => coinTail(heads, 4))).toEqual([1, 15 / 16, 11 / 16, 5 / 16, 1 / 16, 0]);
});

describe("resizing", () => {
  test("by hand: halves are means weighed by a triangle, doubles lie between the centres", () => {
    const row = Float32Array.of(0, 100, 200, 100);
    // centres of the new pixels lie at 1 and 3; weights of pixels at distance ½ and 1½ of a triangle of reach 2: ¾ and ¼
    const [left, right] = [(0.75 * 0 + 0.75 * 100 + 0.25 * 200) / 1.75, (0.25 * 100 + 0.75 * 200 + 0.75 * 100) / 1.75];
    expect([...resizePlane(row, [1, 4], [1, 2], false)].map((v) => v.toFixed(3))).toEqual(
      [left, right].map((v) => v.toFixed(3)),
    );
    expect([...resizePlane(row, [1, 4], [1, 2], true)]).toEqual([71, 143]);
    expect([...resizePlane(Float32Array.of(0, 100), [1, 2], [1, 4], false)]).toEqual([0, 25, 75, 100]);
    expect([...resizePlane(Float32Array.of(0, 100), [2, 1], [4, 1], false)]).toEqual([0, 25, 75, 100]);
  });

  test("an even picture stays even, of any size", () => {
    const size = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(size, size, size, size, (h, w, newHeight, newWidth) => {
        const out = resizePlane(new Float32Array(h * w).fill(77), [h, w], [newHeight, newWidth], true);
        expect(out).toEqual(new Float32Array(newHeight * newWidth).fill(77));
      }),
      { seed: 1, numRuns: 60 },
    );
  });
});

describe("the shorter side and the middle", () => {
  /** Where each kept pixel came from: pixel values are their places. */
  const kept = (size: readonly [number, number], crop: readonly [number, number]): number[] => {
    const places = Float32Array.from({ length: size[0] * size[1] }, (_, i) => i);
    return [...sizedPlane(places, size, { crop }, false).plane];
  };

  test("the middle by hand; of an odd room, the half that Python rounds to", () => {
    expect(kept([4, 4], [2, 2])).toEqual([5, 6, 9, 10]);
    // (3 − 2) / 2 = 0.5 goes to 0; (5 − 2) / 2 = 1.5 to 2; (7 − 2) / 2 = 2.5 to 2
    expect(kept([1, 3], [1, 2])).toEqual([0, 1]);
    expect(kept([1, 5], [1, 2])).toEqual([2, 3]);
    expect(kept([1, 7], [1, 2])).toEqual([2, 3]);
    expect(() => kept([1, 3], [2, 2])).toThrow("--resize");
  });

  test("one number is both sides, and with a crop the shorter one, the longer cut to whole pixels", () => {
    const plane = new Float32Array(3 * 5);
    expect(sizedPlane(plane, [3, 5], { resize: 2 }, false).size).toEqual([2, 2]);
    // 2 · 5 / 3 = 3.33
    const wide = (crop: readonly [number, number]) => sizedPlane(plane, [3, 5], { resize: 2, crop }, false).size;
    expect(wide([2, 3])).toEqual([2, 3]);
    expect(() => wide([2, 4])).toThrow("2×3 pixels");
    expect(() => sizedPlane(plane, [5, 3], { resize: 2, crop: [4, 2] }, false)).toThrow("3×2 pixels");
    expect(sizedPlane(plane, [3, 5], { resize: [4, 6], crop: [4, 4] }, false).size).toEqual([4, 4]);
  });
});

test("pictures come upright from each of the eight ways to hold a camera", () => {
  // stored rows of the picture a b / c d / e f, whose first row and column are what EXIF's table says
  const stored: Readonly<Record<number, readonly string[]>> = {
    1: ["ab", "cd", "ef"],
    2: ["ba", "dc", "fe"],
    3: ["fe", "dc", "ba"],
    4: ["ef", "cd", "ab"],
    5: ["ace", "bdf"],
    6: ["bdf", "ace"],
    7: ["fdb", "eca"],
    8: ["eca", "fdb"],
  };
  for (const [orientation, rows] of Object.entries(stored)) {
    const data = Uint8Array.from(rows.join(""), (letter) => letter.charCodeAt(0));
    const image = { width: rows[0]!.length, height: rows.length, channels: 1, data } as const;
    const { width, height, data: turned } = upright(image, Number(orientation) as 1);
    expect([orientation, width, height, String.fromCharCode(...turned)]).toEqual([orientation, 2, 3, "abcdef"]);
  }
  for (const damaged of [[], [0xff, 0xd8], [0xff, 0xd8, 0xff, 0xe1, 0, 8, 0x45, 0x78, 0x69, 0x66, 0, 0]]) {
    expect(orientationOf(Uint8Array.from(damaged))).toBe(1);
  }
});

test("classes are called as the data calls them, in both directions", () => {
  const naming = classNaming({ classes: 3, classOrder: [2, 0, 1], firstLabel: 1 });
  expect([0, 1, 2].map((output) => labelOf(naming, output))).toEqual([3, 1, 2]);
  expect([3, 1, 2, 9].map((label) => outputOf(naming, label))).toEqual([0, 1, 2, -1]);
  const named = classNaming({ classes: 2, classOrder: [1, 0], names: ["cat", "dog"] });
  expect(sayingClasses("it leads from class 0 to class 1, class 12", (k) => classText(named, k))).toBe(
    "it leads from dog to cat, class 12",
  );
});

test("the spread of each feature is over all rows, however few are read", () => {
  const data = Float32Array.of(1, 5, 3, 5, 5, 5, 7, 5);
  const { values, images } = fromArray({ dtype: "f4", shape: [4, 2], data }, { limit: 2 });
  expect(images.length).toBe(4);
  // deviations 3, 1, 1, 3 from 4: the mean square is 5
  expect([...values!.spread!]).toEqual([Math.fround(Math.sqrt(5)), 0]);
  expect(values).toMatchObject({ min: 1, max: 7, samples: 4, whole: [true, true] });
});
