/** @file What a part of the report brings: its sections of the page, the terms it explains, and the words for what was judged. */

import type { BackdoorOutcome, Condition, Finding, Judgement } from "../../studies/audit/codes.ts";
import type { AuditFacts } from "../audit/facts.ts";
import type { ChartKit } from "../charts/chart.ts";
import type { Markup } from "../markup.ts";
import type { AuditReport, Finding as FindingCard, GateCondition, Limit, Run } from "../schema.ts";

/** The name of a class. */
export type Named = (label: number) => string;

export interface PageSection {
  /** Its anchor. */
  readonly id: string;
  /** In the list of contents. */
  readonly name: string;
  readonly title: string;
  readonly body: (report: AuditReport, kit: ChartKit) => readonly (Markup | null)[];
}

/** Terms by the ends of their anchors. */
export type Glossary = Readonly<Record<string, { readonly term: string; readonly text: string }>>;

type FindingOf<C> = Extract<Finding, { readonly code: C }>;
type ConditionOf<I> = Extract<Condition, { readonly id: I }>;

export type FindingWords = Omit<FindingCard, "evidence" | "severity">;
export type ConditionWords = Omit<GateCondition, "outcome" | "decides">;

/** What was concluded from the facts. */
export interface Judged {
  readonly judgement: Judgement;
  /** Of the search for a backdoor, where it was made. */
  readonly searched: BackdoorOutcome | undefined;
  readonly named: Named;
}

/** A family of methods, or what is common to all: one folder or file, and one line in the table of `page.ts`. */
export interface ReportPart {
  /** Its keys of the report. */
  readonly fill?: (facts: AuditFacts, judged: Judged) => object;
  /** What was run for it. */
  readonly runs?: (facts: AuditFacts) => readonly Run[];
  /** What it leaves unchecked. */
  readonly limits?: (facts: AuditFacts) => readonly Limit[];
  readonly sections: readonly PageSection[];
  readonly glossary?: Glossary;
  readonly findings?: { readonly [C in Finding["code"]]?: (finding: FindingOf<C>, named: Named) => FindingWords };
  readonly conditions?: {
    readonly [I in Condition["id"]]?: (condition: ConditionOf<I>, named: Named) => ConditionWords;
  };
}
