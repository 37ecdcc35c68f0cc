import type { Norm } from "../spec/types.ts";

/** What every method says of itself: the command line, the report and the docs are made from it. */
export interface MethodDescription {
  /** As on the command line: `crown`, `pgd`, … */
  readonly id: string;
  /** Raised when results change: part of the key of stored results. */
  readonly version: number;
  readonly title: string;
  /** One sentence for people who choose. */
  readonly summary: string;
  readonly source: string;
}

/** A method about a ball around an input. */
export interface BallMethod extends MethodDescription {
  readonly norms: readonly Norm[];
}
