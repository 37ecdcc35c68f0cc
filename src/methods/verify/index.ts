/** @file The verifiers. A verifier exists when it is listed here. */

import { byId, defineFamily } from "../family.ts";
import { normFacts } from "../method.ts";
import { alphaCrown } from "./alpha-crown.ts";
import { branchAndBound } from "./branch-and-bound/index.ts";
import { crown } from "./crown.ts";
import { crownIbp } from "./crown-ibp.ts";
import { fastLin } from "./fast-lin.ts";
import { ibp } from "./ibp.ts";
import type { Verifier } from "./types.ts";

export const verifiers: readonly Verifier[] = [ibp, crownIbp, fastLin, crown, alphaCrown, branchAndBound];

export const verifyFamily = defineFamily<Verifier>({
  id: "verify",
  verb: "certify",
  noun: "method",
  about:
    "verifiers prove that no input in the set is got wrong: what they prove is certain, what they cannot prove is unknown",
  methods: verifiers,
  standard: verifiers.filter(({ standard }) => standard),
  use: ({ id }) => `assay certify MODEL --data DATA --epsilon 0.1 --method ${id}`,
  ...normFacts,
});

/** @throws Error for a name that is not listed; user input is checked before */
export const verifierOf = (id: string): Verifier => byId(verifyFamily, id);

/** What runs where no verifier is named. */
export const standardVerifier: Verifier = verifyFamily.standard[0]!;

/** What decides a query where no verifier is named, each on what those before it left open. */
export const queryVerifiers: readonly Verifier[] = verifiers.filter(({ inAudits, inQueries }) => inAudits || inQueries);

/** What an audit tries, each on what those before it left open. */
export const auditVerifiers: readonly Verifier[] = verifiers.filter(({ inAudits }) => inAudits);
