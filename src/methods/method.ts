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
  /** What it is run with where nothing else is stated. */
  readonly settings?: Settings;
}

export type Settings = Readonly<Record<string, string | number | boolean | null>>;

/** All that a run of the method depends on beside the model and the inputs. @param stated in place of what it is run with else */
export const settingsOf = ({ version, settings }: MethodDescription, stated: Settings = {}): Settings => ({
  version,
  ...settings,
  ...stated,
});

/** A method about a ball around an input. */
export interface BallMethod extends MethodDescription {
  readonly norms: readonly Norm[];
  /** What its family runs where none is named: one of each. */
  readonly standard?: true;
}

/** What a family of such methods says of each. */
export const normFacts = {
  pages: "methods",
  scope: { name: "norms", of: ({ norms }: BallMethod): string => norms.join(" ") },
  facts: ({ norms }: BallMethod) => [["Norms", norms.join(", ")]] as const,
  plain: ({ norms }: BallMethod) => ({ norms }),
};
