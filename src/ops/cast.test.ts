import { expect, test } from "vitest";
import { floatTensor } from "../graph/tensor.ts";
import { makeGraph } from "../graph/traverse.ts";
import { createRuntime } from "../runtime/node.ts";
import { interval } from "../transforms/interval.ts";
import { builder } from "./index.ts";

/** The box of x cast to an integer and back. */
async function boxOf(low: number, high: number): Promise<readonly [number, number]> {
  const b = builder();
  const [x, lower, upper] = [b.input("x", [1]), b.input("lower", [1]), b.input("upper", [1])];
  const back = b.emit("Cast", [b.emit("Cast", [x], { to: "int" })], { to: "float" });
  const box = interval(b, [back], new Map([[x, { lower, upper }]])).get(back)!;
  const outputs = [
    { name: "low", value: box.lower },
    { name: "high", value: box.upper },
  ];
  await using runtime = createRuntime();
  const session = await runtime.compile(makeGraph([lower, upper], outputs), { float: "float32" });
  const ends = await session.run({ lower: floatTensor([1], [low]), upper: floatTensor([1], [high]) });
  return [ends["low"]!.data[0]!, ends["high"]!.data[0]!];
}

test("a cast within 32 bits cuts fractions off", async () => {
  expect(await boxOf(-1.5, 2.5)).toEqual([-1, 2]);
});

test("a cast to int32 beyond 32 bits may give the least integer: the box holds it", async () => {
  const [low, high] = await boxOf(2e9, 3e9);
  expect(low).toBeLessThanOrEqual(-(2 ** 31));
  expect(high).toBeGreaterThanOrEqual(3e9);
});
