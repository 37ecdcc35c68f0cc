import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readNpz } from "../formats/npz.ts";
import type { Answer, AttackRecord, Chunk } from "../methods/records.ts";
import type { WitnessPlace } from "../studies/witnesses.ts";
import { jsonPieces } from "./json-pieces.ts";
import { writeWhole } from "./output.ts";
import { createWitnesses } from "./witness-files.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "assay-witnesses-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const INPUTS = { naming: { labels: undefined } } as unknown as Parameters<typeof createWitnesses>[1];

const found = (witness: Float32Array | undefined): Answer<AttackRecord> => ({
  kind: "done",
  seconds: 1,
  record: { falsified: witness !== undefined, witness } as AttackRecord,
});

const chunkOf = (indices: readonly number[]): Chunk => ({
  images: new Float32Array(0),
  labels: Int32Array.from(indices, (i) => i % 10),
  indices: Int32Array.from(indices),
});

test("a result longer than the longest string is written, in small pieces", () => {
  // 600 witnesses of a million characters: V8 holds strings of up to 2^29 − 24 characters
  const witness = "0".repeat(1 << 20);
  const results = Array.from({ length: 600 }, (_, index) => ({ index, witness }));
  let [length, longest] = [0, 0];
  for (const piece of jsonPieces({ tool: "assay", results })) {
    length += piece.length;
    longest = Math.max(longest, piece.length);
  }
  expect(length).toBeGreaterThan(2 ** 29);
  expect(longest).toBeLessThan(2 ** 21);
});

test("pieces together are what JSON.stringify gives", () => {
  const file = {
    a: 1,
    none: undefined,
    list: [{ b: [1, 2] }, null, "x"],
    empty: [],
    deep: { c: { d: [] } },
    last: "\u2028",
  };
  expect([...jsonPieces(file)].join("")).toBe(`${JSON.stringify(file)}\n`);
  expect([...jsonPieces({})].join("")).toBe("{}\n");
  const path = join(folder, "file.json");
  writeWhole(path, jsonPieces(file));
  expect(readFileSync(path, "utf8")).toBe(`${JSON.stringify(file)}\n`);
});

test("large witnesses go into files as they come, and are taken out of the answers", () => {
  const size = 3 * 224 * 224;
  const out = join(folder, "results.json");
  const extent = { attacked: 420, size, shape: [3, 224, 224] };
  const witnesses = createWitnesses({ out }, INPUTS, extent, (index) => index === 33);
  const own = (i: number) => new Float32Array(size).fill(i / 255);
  const answers = [found(own(7)), found(undefined), found(own(9)), { kind: "timeout" } as const];
  const kept = witnesses.receive("pgd")(answers, chunkOf([7, 8, 9, 10]));
  expect(kept.map((answer) => answer.kind === "done" && answer.record.falsified)).toEqual([true, false, true, false]);
  for (const answer of kept) if (answer.kind === "done") expect(answer.record.witness).toBeUndefined();
  const place = witnesses.of(9, undefined, 0) as WitnessPlace;
  expect(place).toEqual({ file: join(folder, "results-witnesses", "pgd-000007.npz"), index: 1 });
  const arrays = readNpz(readFileSync(place.file));
  const { shape, data } = arrays.get("images")!;
  expect(shape).toEqual([2, 3, 224, 224]);
  expect(data.subarray(place.index * size, (place.index + 1) * size)).toEqual(own(9));
  expect(Array.from(arrays.get("labels")!.data as Int32Array)).toEqual([7, 9]);
  expect(Array.from(arrays.get("indices")!.data as Int32Array)).toEqual([7, 9]);
  // what contradicts a proof is needed afterwards
  const [whole] = witnesses.receive("pgd")([found(own(1))], chunkOf([33]));
  expect(whole).toMatchObject({ record: { witness: own(1) } });
  expect(witnesses.lost()).toBeUndefined();
});

test("small ones stay with the results, and large ones without a place are told, not kept", () => {
  const small = createWitnesses({}, INPUTS, { attacked: 10, size: 4, shape: [4] });
  const witness = Float32Array.of(0.1, 0.2, 0.3, 1);
  const [kept] = small.receive("pgd")([found(witness)], chunkOf([5]));
  expect(kept).toMatchObject({ record: { witness } });
  expect(small.of(5, witness, 0)).toEqual([0.1, 0.2, 0.3, 1]);
  const large = createWitnesses({}, INPUTS, { attacked: 1000, size: 3072, shape: [3, 32, 32] });
  large.receive("pgd")([found(new Float32Array(3072))], chunkOf([5]));
  expect(large.of(5, undefined, 0)).toBeUndefined();
  expect(large.lost()).toMatch(/^1 witnesses .*--witnesses/);
  const asked = createWitnesses({ witnesses: join(folder, "asked") }, INPUTS, { attacked: 1, size: 4, shape: [4] });
  asked.receive("fgsm")([found(witness)], chunkOf([2]));
  expect(asked.of(2, undefined, 0)).toEqual({ file: join(folder, "asked", "fgsm-000002.npz"), index: 0 });
});
