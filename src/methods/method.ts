import type { Norm } from "../spec/types.ts";
import { type Declared, type Settings, schemaOf, type Zod } from "./options.ts";

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

/** All that a run of the method depends on beside the model and the inputs. @param asked what it was asked */
export const settingsOf = (
  { version, settings }: MethodDescription & { readonly settings: Settings },
  asked: Settings = {},
): Settings => ({ version, ...settings, ...asked });

/** A method about a ball around an input. */
export interface BallMethod extends MethodDescription {
  readonly norms: readonly Norm[];
  /** What its family runs where none is named: one of each. */
  readonly standard?: true;
}

/** What a family of such methods says of each. */
export const normFacts = {
  schema: (method: Declared, z: Zod) => schemaOf(z, method),
  pages: "methods",
  scope: { name: "norms", of: ({ norms }: BallMethod): string => norms.join(" ") },
  facts: ({ norms }: BallMethod) => [["Norms", norms.join(", ")]] as const,
  plain: ({ norms }: BallMethod) => ({ norms }),
};
