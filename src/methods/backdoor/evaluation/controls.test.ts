import { expect, test } from "vitest";
import { controlCounts } from "./controls.ts";

test("models that are told to be trained otherwise raise no alarm, but count where all are trusted", () => {
  const model = (pValue: number | null, otherwise: string | null = null) => ({
    accuracy: 0.9,
    otherwise,
    score: null,
    pValue,
    // the second leans to several classes
    alarm: pValue === 0.05,
  });
  const counts = controlCounts([model(0.05), model(0.02, "heavier"), model(0.5), model(null, "lighter")], {
    level: 0.05,
    confidence: 0.95,
  });
  expect(counts).toMatchObject({
    accuracy: { median: 0.9, models: 4 },
    recognised: { successes: 2, trials: 4 },
    leaning: { successes: 2, trials: 4 },
    flagged: { successes: 1, trials: 4 },
    alarms: { successes: 1, trials: 4 },
    pValues: { median: 0.05, least: 0.02, most: 0.5, models: 3 },
  });
});
