import { expect, test } from "vitest";
import { mistakesOf } from "./mistakes.ts";

const answer = (predicted: number, confidence = 0.5, margin = -1) => ({ predicted, confidence, margin });

test("wrong answers are counted by class, most frequent first", () => {
  const labels = [2, 0, 0, 0, 0, 2, 0];
  const answers = [2, 0, 1, 2, 2, 0, 0].map((predicted) => answer(predicted));
  expect(mistakesOf(answers, labels).classes).toEqual([
    {
      label: 0,
      inputs: 5,
      right: 2,
      taken: [
        { predicted: 2, count: 2 },
        { predicted: 1, count: 1 },
      ],
    },
    { label: 2, inputs: 2, right: 1, taken: [{ predicted: 0, count: 1 }] },
  ]);
});

test("the surest wrong answers come first, by their margins where confidence is the same, and no right answer among them", () => {
  const answers = [answer(1, 0.6), answer(0, 1), answer(1, 1, -3), answer(2, 1, -9), answer(1, 0.9)];
  expect(mistakesOf(answers, [0, 0, 0, 0, 0]).surest).toEqual([3, 2, 4, 0]);
});
