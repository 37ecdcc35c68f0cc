import { describe, expect, test } from "vitest";
import { advance, SCHEDULE, SCHEDULE_START, type ScheduleState, type ScheduleStep } from "./neural-cleanse-schedule.ts";

const works = (norm = 50) => ({ success: 1, norm });
const fails = (norm = 50) => ({ success: 0.98, norm });

/** The costs after each step of a sequence. */
function run(answers: readonly { success: number; norm: number }[]): ScheduleStep[] {
  const steps: ScheduleStep[] = [];
  let state: ScheduleState = SCHEDULE_START;
  for (const answer of answers) {
    steps.push(advance(state, answer, SCHEDULE));
    state = steps.at(-1)!.state;
  }
  return steps;
}

const costs = (answers: Parameters<typeof run>[0]) => run(answers).map(({ state }) => state.cost);
const repeat = <T>(count: number, value: T): T[] => Array<T>(count).fill(value);

describe("the cost of the mask's norm", () => {
  test("is 0 until five steps in a row have worked, then 1e-3, and doubles four and then five steps later", () => {
    // the fifth working step counts as the first under the new cost, as in the official code
    expect(costs(repeat(14, works()))).toEqual([...repeat(4, 0), ...repeat(4, 1e-3), ...repeat(5, 2e-3), 4e-3]);
  });

  test("stays 0 while the trigger works only now and then", () => {
    expect(costs([...repeat(4, works()), fails(), ...repeat(4, works()), fails()])).toEqual(repeat(10, 0));
  });

  test("falls by 2^1.5 after five steps that fail", () => {
    const after = costs([...repeat(9, works()), ...repeat(10, fails())]);
    expect(after[8]).toBe(2e-3);
    expect(after[12]).toBe(2e-3);
    expect(after[13]).toBeCloseTo(2e-3 / Math.sqrt(8), 12);
    expect(after[18]).toBeCloseTo(2e-3 / 8, 12);
  });

  test("counts a share of exactly .99 as working", () => {
    expect(costs(repeat(5, { success: 0.99, norm: 1 })).at(-1)).toBe(1e-3);
  });
});

describe("the mask that is kept", () => {
  test("is the smallest among those that work", () => {
    const improved = run([fails(10), works(40), works(45), works(30), fails(5), works(29)]).map((s) => s.improved);
    expect(improved).toEqual([false, true, false, true, false, true]);
  });
});

describe("the early stop", () => {
  // five steps set the cost, four more raise it; then five failures lower it
  const upAndDown = [...repeat(9, works(40)), ...repeat(5, fails())];

  test("comes 25 steps after the last smaller mask, once the cost went both ways", () => {
    const steps = run([...upAndDown, works(39), ...repeat(25, fails(38))]);
    expect(steps.findIndex(({ settled }) => settled)).toBe(upAndDown.length + 25);
  });

  test("starts to count anew with every smaller mask", () => {
    const steps = run([...upAndDown, works(39), ...repeat(24, fails()), works(38.9), ...repeat(24, fails())]);
    expect(steps.some(({ settled }) => settled)).toBe(false);
  });

  test("does not come while the cost has only gone up", () => {
    expect(run(repeat(200, works(40))).some(({ settled }) => settled)).toBe(false);
  });

  test("does not come while nothing has worked", () => {
    expect(run(repeat(200, fails())).some(({ settled }) => settled)).toBe(false);
  });
});
