import { expect, test } from "vitest";
import { inputRows, type PickedInputs } from "./inputs.ts";

const model = (detector: string, rest: Partial<PickedInputs>): PickedInputs => ({
  detector,
  model: "m",
  architecture: "MLP",
  dataset: "digits",
  group: "patch-5",
  family: "patch",
  accepted: true,
  rates: [],
  picked: null,
  ...rest,
});

test("a row sums up the models whose backdoor works, a detector and a trigger at a time", () => {
  const rows = inputRows([
    model("strip", { rates: [{ level: 0.01, rejected: 5, triggered: 10 }] }),
    model("strip", { rates: [{ level: 0.01, rejected: 9, triggered: 10 }] }),
    model("strip", { rates: [{ level: 0.01, rejected: 0, triggered: 10 }], accepted: false }),
    model("strip", { rates: [{ level: 0.01, rejected: 1, triggered: 10 }], family: "sig" }),
    model("spectral-signatures", { picked: { suspects: 20, poisoned: 40, hits: 10 } }),
    model("spectral-signatures", { picked: { suspects: 0, poisoned: 40, hits: 0 } }),
    model("spectral-signatures", {}),
  ]);
  expect(rows).toEqual([
    {
      detector: "strip",
      family: "patch",
      rejected: [{ level: 0.01, median: 0.7, least: 0.5, most: 0.9, models: 2 }],
      precision: null,
      recall: null,
      caught: null,
    },
    {
      detector: "strip",
      family: "sig",
      rejected: [{ level: 0.01, median: 0.1, least: 0.1, most: 0.1, models: 1 }],
      precision: null,
      recall: null,
      caught: null,
    },
    {
      detector: "spectral-signatures",
      family: "patch",
      rejected: [],
      precision: { median: 0.5, least: 0.5, most: 0.5, models: 1 },
      recall: { median: 0.125, least: 0, most: 0.25, models: 2 },
      // 10 of the 20 that the suspects could hold; and a model without suspects
      caught: expect.objectContaining({ successes: 0, trials: 2 }),
    },
  ]);
});

test("inputs are caught at the level that rejects one clean input in twenty, poison by what the suspects could hold", () => {
  const rates = (rejected: number) => ({ rates: [{ level: 0.05, rejected, triggered: 10 }] });
  const picked = (suspects: number, poisoned: number, hits: number) => ({ picked: { suspects, poisoned, hits } });
  const [strip, spectral] = inputRows([
    model("strip", rates(5)),
    model("strip", rates(4)),
    model("spectral-signatures", picked(20, 400, 15)),
    model("spectral-signatures", picked(20, 400, 14)),
    model("spectral-signatures", picked(400, 20, 15)),
  ]);
  expect(strip!.caught).toMatchObject({ successes: 1, trials: 2 });
  expect(spectral!.caught).toMatchObject({ successes: 2, trials: 3 });
});
