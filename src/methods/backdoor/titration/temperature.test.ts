import { expect, test } from "vitest";
import { rng } from "../../../random/rng.ts";
import { temperatureOf } from "./temperature.ts";

/** Mean of −log softmax(logits / T) at the labels. */
function loss(logits: Float32Array, labels: Int32Array, classes: number, temperature: number): number {
  let total = 0;
  for (const [i, label] of labels.entries()) {
    const row = Array.from(logits.subarray(i * classes, (i + 1) * classes), (z) => z / temperature);
    total += Math.log(row.reduce((sum, z) => sum + Math.exp(z), 0)) - row[label]!;
  }
  return total / labels.length;
}

test("two classes, right three times of four: the odds are then 3 to 1", () => {
  // logits 4 and 0: softmax(4/T) = ¾ at T = 4 / ln 3
  const logits = Float32Array.from([4, 0, 4, 0, 4, 0, 4, 0]);
  expect(temperatureOf(logits, Int32Array.of(0, 0, 0, 1), 2)).toBeCloseTo(4 / Math.log(3), 8);
});

test("no temperature near it has a smaller loss", () => {
  const logits = new Float32Array(200 * 5);
  const random = rng(2);
  random.fillNormal(logits, 0, 6);
  const labels = Int32Array.from({ length: 200 }, (_, i) => {
    const row = logits.subarray(5 * i, 5 * i + 5);
    return random.uniform() < 0.7 ? row.indexOf(Math.max(...row)) : random.int(5);
  });
  const best = temperatureOf(logits, labels, 5)!;
  for (const other of [0.5, 0.9, 0.99, 1.01, 1.1, 2]) {
    expect(loss(logits, labels, 5, best * other)).toBeGreaterThan(loss(logits, labels, 5, best));
  }
});

test("there is none where every answer is right, nor where the logits speak against the labels", () => {
  const logits = Float32Array.from([4, 0, 0, 3]);
  expect(temperatureOf(logits, Int32Array.of(0, 1), 2)).toBeNull();
  expect(temperatureOf(logits, Int32Array.of(1, 0), 2)).toBeNull();
});
