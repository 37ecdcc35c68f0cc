/** @file The parts of the report, in the order of the page. */

import type { Condition, Finding } from "../../studies/audit/codes.ts";
import type { AuditFacts } from "../audit/facts.ts";
import type { Limit, Run } from "../schema.ts";
import type { ConditionWords, FindingWords, Glossary, Judged, Named, ReportPart } from "./contract.ts";
import { dataPart } from "./data.ts";
import { decisionPart } from "./decision.ts";
import { mistakesPart } from "./mistakes/index.ts";
import { modelPart } from "./model.ts";
import { robustnessPart } from "./robustness/index.ts";
import { runsPart } from "./runs.ts";
import { tamperingPart } from "./tampering/index.ts";

/** A family of methods is one line here. */
export const PARTS = [
  decisionPart,
  mistakesPart,
  robustnessPart,
  tamperingPart,
  modelPart,
  dataPart,
  runsPart,
] as const;

const parts: readonly ReportPart[] = PARTS;
export const SECTIONS = parts.flatMap(({ sections }) => sections);
export const GLOSSARY: Glossary = Object.assign({}, ...parts.map(({ glossary }) => glossary));

type All<U> = (U extends unknown ? (one: U) => void : never) extends (all: infer I) => void ? I : never;
type Filled = All<ReturnType<Extract<(typeof PARTS)[number], { readonly fill: unknown }>["fill"]>>;

/** The keys of the report that parts fill. */
export const filled = (facts: AuditFacts, judged: Judged): Filled =>
  Object.assign({}, ...parts.map(({ fill }) => fill?.(facts, judged)));

export const runsOf = (facts: AuditFacts): Run[] => parts.flatMap(({ runs }) => runs?.(facts) ?? []);
export const limitsOf = (facts: AuditFacts): Limit[] => parts.flatMap(({ limits }) => limits?.(facts) ?? []);

/** Codes that have words: one without does not compile. */
type Worded<P, K extends string> = P extends { readonly [_ in K]: infer W } ? keyof W : never;
type WordedFinding = Extract<Finding, { readonly code: Worded<(typeof PARTS)[number], "findings"> }>;
type WordedCondition = Extract<Condition, { readonly id: Worded<(typeof PARTS)[number], "conditions"> }>;

type Words<Coded, Text> = Readonly<Record<string, (coded: Coded, named: Named) => Text>>;
const FINDINGS: Words<Finding, FindingWords> = Object.assign({}, ...parts.map(({ findings }) => findings));
const CONDITIONS: Words<Condition, ConditionWords> = Object.assign({}, ...parts.map(({ conditions }) => conditions));

export const findingWords = (finding: WordedFinding, named: Named): FindingWords =>
  FINDINGS[finding.code]!(finding, named);

export const conditionWords = (condition: WordedCondition, named: Named): ConditionWords =>
  CONDITIONS[condition.id]!(condition, named);
