/** @file How a study tells what it does. */

export interface Progress {
  /** Adds work in units of inputs. */
  expect(units: number, what: string): void;
  advance(units: number): void;
  /** A line for people, above the bar. */
  say(line: string): void;
  end(): void;
}

export const SILENT: Progress = { expect: () => {}, advance: () => {}, say: () => {}, end: () => {} };
