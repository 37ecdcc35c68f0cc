/** @file The one table of methods: the command line, its help, the report and the docs are made from it. */

import { attacks } from "./attack/index.ts";
import type { Attack } from "./attack/types.ts";
import { detectors } from "./backdoor/index.ts";
import type { Detector } from "./backdoor/types.ts";
import { verifiers } from "./verify/index.ts";
import type { Verifier } from "./verify/types.ts";

export type MethodEntry =
  | { readonly family: "attack"; readonly method: Attack }
  | { readonly family: "verify"; readonly method: Verifier }
  | { readonly family: "backdoor"; readonly method: Detector };

export const methods: readonly MethodEntry[] = [
  ...attacks.map((method) => ({ family: "attack", method }) as const),
  ...verifiers.map((method) => ({ family: "verify", method }) as const),
  ...detectors.map((method) => ({ family: "backdoor", method }) as const),
];

/** What each family answers, for people. */
export const FAMILIES = {
  attack:
    "attacks look for inputs in the set that the network gets wrong: what they find is certain, what they miss is not safe",
  verify:
    "verifiers prove that no input in the set is got wrong: what they prove is certain, what they cannot prove is unknown",
  backdoor:
    "detectors look for signs of a planted backdoor: what they flag is suspicion, not proof, and each of them is blind to some backdoors",
} as const satisfies Readonly<Record<MethodEntry["family"], string>>;

/** @throws Error for a name that is not listed; user input is checked before */
export function attackOf(id: string): Attack {
  const found = attacks.find((attack) => attack.id === id);
  if (!found) throw new Error(`no attack "${id}"`);
  return found;
}

export function verifierOf(id: string): Verifier {
  const found = verifiers.find((verifier) => verifier.id === id);
  if (!found) throw new Error(`no verifier "${id}"`);
  return found;
}
