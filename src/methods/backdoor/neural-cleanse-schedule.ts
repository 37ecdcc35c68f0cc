/**
 * @file When Neural Cleanse presses the mask smaller, and when it stops: the official code's counters as one pure function.
 *
 * The cost λ of the mask's norm is 0 until the trigger has worked for `patience` steps, then starts at `initialCost`; it
 * doubles after every `patience` steps in which the trigger works and falls by 2^1.5 after as many in which it does not.
 */

/** The constants of the official example scripts. */
export const SCHEDULE = {
  initialCost: 1e-3,
  /** Share of the inputs that must go to the label for the trigger to count as working. */
  success: 0.99,
  patience: 5,
  costUp: 2,
  costDown: 2 ** 1.5,
  /** Steps without a smaller working mask after which the search ends, once λ has gone both up and down. */
  stopPatience: 25,
};
export type Schedule = Readonly<typeof SCHEDULE>;

export interface ScheduleState {
  readonly cost: number;
  /** ‖mask‖₁ of the smallest mask that worked so far; infinite where none did. */
  readonly best: number;
  /** Steps in a row … that worked while the cost was 0, */
  readonly free: number;
  /** … that worked since the cost last changed, */
  readonly worked: number;
  /** … that did not. */
  readonly failed: number;
  readonly raised: boolean;
  readonly lowered: boolean;
  /** Steps in a row that left `best` as it was. */
  readonly still: number;
}

export const SCHEDULE_START: ScheduleState = {
  cost: 0,
  best: Number.POSITIVE_INFINITY,
  free: 0,
  worked: 0,
  failed: 0,
  raised: false,
  lowered: false,
  still: 0,
};

/** What a step showed: the share of inputs that went to the label, and the mask's norm. */
export interface StepAnswer {
  readonly success: number;
  readonly norm: number;
}

export interface ScheduleStep {
  readonly state: ScheduleState;
  /** This step's mask is the smallest that works so far. */
  readonly improved: boolean;
  /** The search may end. */
  readonly settled: boolean;
}

export function advance(before: ScheduleState, { success, norm }: StepAnswer, schedule: Schedule): ScheduleStep {
  const works = success >= schedule.success;
  const improved = works && norm < before.best;
  const best = improved ? norm : before.best;
  const still = best === Number.POSITIVE_INFINITY || improved ? 0 : before.still + 1;
  // looked at before the cost changes, as in the official code
  const settled = before.raised && before.lowered && still >= schedule.stopPatience;
  return { state: { best, still, ...nextCost(before, works, schedule) }, improved, settled };
}

type CostState = Omit<ScheduleState, "best" | "still">;

function nextCost(
  before: ScheduleState,
  works: boolean,
  { initialCost, patience, costUp, costDown }: Schedule,
): CostState {
  let { cost, worked, failed, raised, lowered } = before;
  const free = cost === 0 && works ? before.free + 1 : 0;
  if (free >= patience) {
    cost = initialCost;
    [worked, failed, raised, lowered] = [0, 0, false, false];
  }
  [worked, failed] = works ? [worked + 1, 0] : [0, failed + 1];
  if (worked >= patience) {
    [cost, worked, raised] = [cost * costUp, 0, true];
  } else if (failed >= patience) {
    [cost, failed, lowered] = [cost / costDown, 0, true];
  }
  return { cost, free, worked, failed, raised, lowered };
}
