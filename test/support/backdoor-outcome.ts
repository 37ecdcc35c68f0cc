/** @file Invented outcomes of a search for a backdoor. */

import type { BackdoorOutcome, MeasuredSign } from "../../src/studies/audit/codes.ts";

const SHIFT = { pValue: 1 / 41, clean: 40, asFar: 0 };

export const SIGNS = {
  noise: { kind: "noise", label: 1, shift: SHIFT },
  margin: { kind: "margin", label: 1, pValue: 0.02, clean: 40 },
  patch: { kind: "patch", label: 1, found: { side: 4, success: 0.9 } },
} as const satisfies Record<MeasuredSign["kind"], MeasuredSign>;

/** Against clean models, with all kinds of work judged. @param kinds of signs that name class 1 */
export function outcomeWith(flagged: boolean | null, kinds: readonly MeasuredSign["kind"][]): BackdoorOutcome {
  const code = flagged === null ? "several-classes" : flagged ? "shifted" : "not-shifted";
  return {
    verdict: {
      flagged,
      kind: "statistical",
      target: 1,
      pValue: 1 / 41,
      level: 0.05,
      ground: { code, shift: SHIFT, label: 1 },
    },
    suspected: kinds.length > 0 || flagged ? 1 : null,
    signs: kinds.map((kind) => SIGNS[kind]),
    judged: ["noise", "margin", "patch"],
    clean: 40,
  };
}
