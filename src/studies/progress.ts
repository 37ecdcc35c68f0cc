/** @file How a study tells what it does. */

export interface Progress {
  /** Adds work in units of inputs. */
  expect(units: number, what: string): void;
  advance(units: number): void;
  /** A line for people, above the bar. */
  say(line: string): void;
  end(): void;
}

export interface Step {
  /** For people: "proving with CROWN". */
  readonly what: string;
  /** Of `total`, in units of inputs. */
  readonly done: number;
  readonly total: number;
}

/** Progress as numbers; lines for people go to `say`. */
export function countingProgress(tell: (step: Step) => void, say: (line: string) => void = () => {}): Progress {
  let step: Step = { what: "", done: 0, total: 0 };
  const go = (next: Step) => {
    step = next;
    tell(step);
  };
  return {
    // what went before is finished: the count is about this step
    expect: (units, what) =>
      go(step.done >= step.total ? { what, done: 0, total: units } : { ...step, what, total: step.total + units }),
    advance: (units) => go({ ...step, done: step.done + units }),
    say,
    end: () => {},
  };
}

export const SILENT: Progress = { expect: () => {}, advance: () => {}, say: () => {}, end: () => {} };
