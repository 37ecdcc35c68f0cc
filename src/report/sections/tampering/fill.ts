/** @file What an audit found of tampering, as the keys of the report. */

import { type AuditFacts, pixelsOf } from "../../audit/facts.ts";
import type { Judged } from "../contract.ts";
import { backdoorScan } from "./scan.ts";
import type { BackdoorScan, Suspicion } from "./schema.ts";
import { type Original, suspicionOf } from "./suspicion.ts";

export interface Tampering {
  readonly suspicions: readonly Suspicion[];
  readonly backdoor: BackdoorScan | null;
}

export const tamperingOf = (facts: AuditFacts, judged: Judged): Tampering => ({
  suspicions: suspicionsOf(facts, judged),
  backdoor: facts.backdoor && judged.searched ? backdoorScan(facts.backdoor, judged.searched, judged.named) : null,
});

function suspicionsOf(facts: AuditFacts, { judgement: { findings }, named }: Judged): Suspicion[] {
  const { patches } = facts;
  if (patches === undefined) return [];
  return findings.flatMap((own) =>
    own.code === "patch" ? [suspicionOf(patches, own, named, originalsFor(facts, own.strongest.target))] : [],
  );
}

/** Inputs of other classes than the target, to show the patch on. */
function originalsFor({ chunk, predictions }: AuditFacts, target: number): Original[] {
  const seen = new Set<number>();
  return Array.from(chunk.labels).flatMap((label, i) => {
    if (label === target || seen.has(label) || predictions[i]!.predicted !== label) return [];
    seen.add(label);
    return [{ pixels: pixelsOf(chunk, i), label }];
  });
}
