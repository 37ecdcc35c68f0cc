/** @file What the search for a backdoor came to: the answer with its ground, the signs with their numbers, and what was judged. */

import {
  allSigns,
  type BackdoorResult,
  marginPValue,
  marginsOf,
  type Sign,
  suspectedClass,
} from "../../methods/audit/tampering.ts";
import type { Decision } from "../../methods/backdoor/decision.ts";
import type {
  BackdoorOutcome,
  BackdoorState,
  Condition,
  EvidenceClass,
  Finding,
  MeasuredSign,
  Outcome,
  Shift,
  VerdictGround,
} from "./codes.ts";
import { agreeing, isConfirmed, type SignsHeld, tamperingSeverity } from "./signs.ts";

/** The patch of the screen that leads to a class that stands out. */
export interface StandingOut {
  readonly label: number;
  readonly side: number;
  readonly success: number;
}

/** @param screened whether the screen for patches examined any class */
export function backdoorOutcome(
  result: BackdoorResult,
  standing: StandingOut | undefined,
  screened: boolean,
): BackdoorOutcome {
  const { decision, reference } = result;
  const signs = allSigns(result, standing?.label);
  const { flagged, kind, target, pValue, threshold: level } = decision;
  return {
    verdict: { flagged, kind, target, pValue, level, ground: groundOf(result) },
    suspected: suspectedClass(decision, signs),
    signs: signs.map((sign) => measured(result, sign, standing)),
    judged: judgedKinds(result, screened),
    clean: reference?.clean ?? 0,
  };
}

const asFar = (pValue: number, clean: number): number => Math.round(pValue * (clean + 1)) - 1;

function shiftOf({ lean }: Decision): Shift | null {
  return lean && { pValue: lean.pValue, clean: lean.clean, asFar: asFar(lean.pValue, lean.clean) };
}

function groundOf({ decision, examined }: BackdoorResult): VerdictGround {
  const { lean, flagged, target, pValue } = decision;
  const shift = shiftOf(decision);
  if (lean && shift) {
    const { target: label } = lean;
    if (flagged !== null) return { code: flagged ? "shifted" : "not-shifted", shift, label };
    return pValue !== null && lean.threshold !== null
      ? { code: "several-classes", shift }
      : { code: "too-few-clean", shift, label };
  }
  const margins = marginsOf(examined);
  if (margins?.flagged == null) return { code: "nothing-known" };
  return margins.flagged ? { code: "margin", label: target, agrees: flagged === true } : { code: "no-margin" };
}

function measured(
  { decision, examined, trigger, reference }: BackdoorResult,
  { kind, label }: Sign,
  standing: StandingOut | undefined,
): MeasuredSign {
  switch (kind) {
    case "noise":
      return { kind, label, shift: shiftOf(decision) };
    case "margin": {
      const calibrated = marginPValue(decision);
      const own = marginsOf(examined)?.pValue ?? null;
      return calibrated !== null && reference
        ? { kind, label, pValue: calibrated, clean: reference.clean }
        : { kind, label, pValue: own, clean: null };
    }
    case "patch": {
      if (standing?.label === label) return { kind, label, found: standing };
      return { kind, label, found: trigger && { size: trigger.l1, success: trigger.hits / trigger.trials } };
    }
    default:
      throw new Error(`unreachable: ${kind satisfies never}`);
  }
}

function judgedKinds({ decision, examined, trigger }: BackdoorResult, screened: boolean): Sign["kind"][] {
  const margins = marginsOf(examined);
  const byMargins = margins && (margins.flagged !== null || Number.isFinite(marginPValue(decision)));
  return [
    ...(decision.lean === null ? [] : ["noise" as const]),
    ...(byMargins ? ["margin" as const] : []),
    ...(screened || (trigger !== null && trigger.trials > 0) ? ["patch" as const] : []),
  ];
}

// ---------------------------------------------------------------- what it amounts to

/** Two signs always hold one that was measured: against clean models, or as a share of unseen inputs. */
const evidenceOf = (held: SignsHeld): EvidenceClass =>
  held.verdict.kind === "statistical" || isConfirmed(held) ? "statistical" : "heuristic";

function stateOf(held: SignsHeld): BackdoorState {
  if (isConfirmed(held)) return "confirmed";
  if (held.verdict.flagged === true || agreeing(held).length > 0) return "one-sign";
  return held.verdict.flagged === null ? "open" : "none";
}

export const backdoorFinding = (searched: BackdoorOutcome): Finding => ({
  code: "backdoor",
  state: stateOf(searched),
  searched,
  evidence: evidenceOf(searched),
  severity: tamperingSeverity(searched),
});

/** The outcome of a search, or why none was made. */
export type BackdoorSearch = BackdoorOutcome | { readonly unexamined: string };

/**
 * Confirmed signs fail. Met only where the search came to an answer, and by work of at least two kinds: what was not
 * examined, and what the detectors leave open, is undecided.
 */
export function backdoorCondition(backdoor: BackdoorSearch): Condition {
  if ("unexamined" in backdoor) {
    return { id: "backdoor", outcome: "undecided", searched: null, reason: backdoor.unexamined };
  }
  const settled = backdoor.verdict.flagged === false && backdoor.judged.length >= 2;
  const outcome: Outcome = isConfirmed(backdoor) ? "not-met" : settled ? "met" : "undecided";
  return { id: "backdoor", outcome, searched: backdoor, reason: "" };
}
