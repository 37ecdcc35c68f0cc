/** @file Jobs for the tests of the worker pool and the store, some of them badly behaved. */

import { appendFileSync } from "node:fs";
import type { Graph, Tensor, Value } from "../../src/graph/types.ts";
import { builder } from "../../src/ops/index.ts";
import type { JobContext, JobTable, PlainRecord } from "../../src/runtime/jobs.ts";
import { compile } from "../../src/runtime/node.ts";

export const table = import.meta.url;

/** Fixed numbers of mixed magnitude: sums of them depend on the order of summation. */
const numbers = (count: number, salt: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898 + salt) * 10 ** ((i + salt) % 4));

/** A small convolutional classifier: [N, 1, 12, 12] to [N, 5]. */
export function convNet(): Graph {
  const b = builder();
  const weight = (shape: number[], salt: number) =>
    b.constant({
      dtype: "float",
      shape,
      data: numbers(
        shape.reduce((a, c) => a * c, 1),
        salt,
      ),
    });
  const window = { strides: [2, 2], dilations: [1, 1], pads: [1, 1, 1, 1], group: 1 };
  const x = b.input("x", ["N", 1, 12, 12]);
  const convolved = b.emit("Conv", [x, weight([8, 1, 4, 4], 1)], window);
  const h = b.emit("Relu", [b.emit("Add", [convolved, weight([8, 1, 1], 2)])]);
  const flat = b.emit("Reshape", [h], { shape: ["N", 8 * 36] });
  return { inputs: [x], outputs: [{ name: "logits", value: b.emit("MatMul", [flat, weight([8 * 36, 5], 3)]) }] };
}

async function forward({ index, size }: { index: number; size: number }): Promise<PlainRecord[]> {
  const session = await compile(convNet(), { float: "float32" });
  const x: Tensor = { dtype: "float", shape: [size, 1, 12, 12], data: numbers(size * 144, index) };
  const { logits } = await session.run({ x });
  const rows = Array.from({ length: size }, (_, i) => (logits!.data as Float32Array).slice(5 * i, 5 * i + 5));
  return rows.map((row, i) => ({
    index: index * size + i,
    logits: row,
    sum: row.reduce((a, v) => a + v),
  }));
}

function spin({ ms }: { ms: number }, context: JobContext): PlainRecord[] {
  const end = performance.now() + ms;
  context.progress({ done: 0, total: 1 });
  while (performance.now() < end);
  context.progress({ done: 1, total: 1 });
  return [{ ms }];
}

/** About a second inside one native call, announced when it begins. */
async function native(_: unknown, context: JobContext): Promise<PlainRecord[]> {
  const b = builder();
  const x = b.input("x", ["N", 1024]);
  const w = b.constant({ dtype: "float", shape: [1024, 1024], data: numbers(1 << 20, 5) });
  let h: Value = x;
  for (let i = 0; i < 12; i++) h = b.emit("MatMul", [h, w]);
  const session = await compile({ inputs: [x], outputs: [{ name: "y", value: h }] }, { float: "float32" });
  const feeds = { x: { dtype: "float", shape: [2048, 1024], data: numbers(1 << 21, 6) } } as const;
  context.progress({ done: 0, total: 1 });
  await session.run(feeds);
  context.progress({ done: 1, total: 1 });
  return [];
}

/** Writes its index to a log when it computes, so that a test can count. */
async function logged({ log, index, ms }: { log: string; index: number; ms: number }, context: JobContext) {
  spin({ ms }, context);
  appendFileSync(log, `${index}\n`);
  return forward({ index, size: 2 });
}

export const jobs: JobTable = {
  forward: async () => forward,
  logged: async () => logged,
  spin: async () => spin,
  native: async () => native,
  echo: async () => (input: { records: PlainRecord[] }) => input.records,
  blob: async () => async (input: { hash: string }, context: JobContext) => [
    { bytes: await context.blobs.get(input.hash) },
  ],
  give: async () => (_: unknown, context: JobContext) => {
    const values = Float32Array.of(1, 2, 3);
    context.transfer(values);
    return [{ values }];
  },
  fail: async () => () => {
    throw new Error("the input is out of range");
  },
  exit: async () => () => process.exit(3),
  crash: async () => () =>
    new Promise(() => {
      setImmediate(() => {
        throw new Error("nobody catches this");
      });
    }),
};
