import { expect, test } from "vitest";
import { jobs, table } from "../../test/runtime/jobs.ts";
import { sha256 } from "./hash.ts";
import { localPlace } from "./node-place.ts";

const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);

test.for([
  ["on this thread", 1],
  ["on another", 2],
] as const)("bytes that a place keeps reach a job %s by their hash", async ([, count]) => {
  await using place = localPlace({ jobs, table, workers: 1, version: "test" });
  const executor = await place.executor(count, false);
  // part of a larger buffer: its bytes alone are kept
  const hash = await place.keep(bytes.subarray(10, 20));
  expect(hash).toBe(sha256(bytes.slice(10, 20)));
  const outcome = await executor.run({ kind: "blob", label: "blob", input: { hash } });
  expect(outcome).toMatchObject({ kind: "done", records: [{ bytes: bytes.slice(10, 20) }] });
});

test("bytes that nobody gave are no blob", async () => {
  await using place = localPlace({ jobs, table, version: "test" });
  await expect(place.blobs.get("00")).rejects.toThrow("no file with the hash 00 is known here");
});
