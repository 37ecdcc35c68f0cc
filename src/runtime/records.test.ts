import fc from "fast-check";
import { expect, test } from "vitest";
import type { PlainRecord } from "./jobs.ts";
import { decodeRecords, encodeRecords } from "./records.ts";

const roundTrip = (records: readonly PlainRecord[]) => decodeRecords(encodeRecords(records));

test("every plain record comes back with every bit", () => {
  const { record } = fc.letrec<{ plain: unknown; record: unknown }>((tie) => ({
    plain: fc.oneof(
      { depthSize: "small" },
      fc.double(),
      fc.string(),
      fc.boolean(),
      fc.constantFrom(null, undefined, -0, 0.1, Infinity, "$number"),
      fc.float32Array(),
      fc.float64Array(),
      fc.int32Array(),
      fc.uint8Array(),
      fc.array(tie("plain"), { maxLength: 4 }),
      tie("record"),
    ),
    record: fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom("$number", "$array", "$$x", "$undefined")),
      tie("plain"),
      {
        maxKeys: 4,
        noNullPrototype: true,
      },
    ),
  }));
  fc.assert(
    fc.property(fc.array(record, { maxLength: 4 }), (records) => {
      expect(roundTrip(records as PlainRecord[])).toStrictEqual(records);
    }),
    { seed: 11, numRuns: 300 },
  );
});

test("an array that looks at part of a buffer is stored alone", () => {
  const part = new Float32Array(1000).subarray(10, 12);
  const bytes = encodeRecords([{ part }]);
  expect(bytes.length).toBeLessThan(80);
  expect(decodeRecords(bytes)).toEqual([{ part: new Float32Array(2) }]);
});

test("what is not plain data is refused", () => {
  const date = new Date(0) as unknown as PlainRecord;
  expect(() => encodeRecords([{ date }])).toThrow("a record holds [object Date], which is not plain data");
});

test("bytes that were cut off are refused", () => {
  const bytes = encodeRecords([{ values: Float32Array.of(1, 2) }]);
  expect(() => decodeRecords(bytes.subarray(0, -1))).toThrow("an array reaches beyond the end");
  expect(() => decodeRecords(bytes.subarray(0, 5))).toThrow("no end");
});
