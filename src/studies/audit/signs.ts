/** @file What signs of a backdoor amount to. Nothing here needs more than they say: a page that shows them loads this alone. */

import type { Sign } from "../../methods/audit/tampering.ts";
import type { Decision } from "../../methods/backdoor/decision.ts";
import type { Severity } from "./codes.ts";

export const SIGN_KINDS = ["noise", "margin", "patch"] as const satisfies readonly Sign["kind"][];

/** The part of an outcome that says how grave it is; a report holds it, too. */
export interface SignsHeld<S extends Sign = Sign> {
  readonly verdict: Pick<Decision, "flagged" | "kind">;
  readonly suspected: number | null;
  readonly signs: readonly S[];
}

/** Signs that name the suspected class together. */
export const agreeing = <S extends Sign>({ signs, suspected }: SignsHeld<S>): S[] =>
  signs.filter(({ label }) => label === suspected);

/** Two kinds of work that name one class are more than chance; one alone is not. */
export const isConfirmed = (held: SignsHeld): boolean => agreeing(held).length >= 2;

/** One sign is a warning where its rate of false alarms is known or the verdict flags, else no more than a hint. */
export function tamperingSeverity(held: SignsHeld): Severity {
  const { verdict } = held;
  if (isConfirmed(held)) return "critical";
  const calibrated = verdict.kind === "statistical";
  if (verdict.flagged === true || (agreeing(held).length > 0 && calibrated)) return "warning";
  return calibrated && verdict.flagged === false ? "good" : "note";
}
