/** @file Two audits held against each other, and the words for any comparison. */

import { epsilonText } from "../stats/epsilon-text.ts";
import type { Proportion } from "../stats/proportion.ts";
import { changeOutcome, gravest } from "../studies/compare/compare.ts";
import type { ChangeOutcome, Comparison, RateChange, StateChange } from "../studies/compare/types.ts";
import { percent, shortRateText } from "./format.ts";
import { DECISION_WORDS, isReal } from "./read.ts";
import type { AuditReport, DecisionKind, GateCondition } from "./schema.ts";
import type { BandPoint } from "./sections/robustness/schema.ts";

/** The rates of two reports; each has its own interval, so a drop is sure only where these do not meet. */
function unpaired(
  id: RateChange["id"],
  what: string,
  a: Proportion | null,
  b: Proportion | null,
  allowed: number,
): RateChange[] {
  if (a === null || b === null) return [];
  const [drop, least] = [a.estimate - b.estimate, a.lower - b.upper];
  return [{ id, what, a, b, drop, least, lost: null, gained: null, outcome: changeOutcome(drop, least, allowed) }];
}

function ratesOf(a: AuditReport, b: AuditReport, allowed: number): RateChange[] {
  const { cleanAccuracy } = a.data;
  return [
    ...unpaired("accuracy", "accuracy on unchanged inputs", cleanAccuracy, b.data.cleanAccuracy, allowed),
    ...a.robustness.flatMap(({ norm, points }) =>
      points.flatMap((point) => {
        const other = b.robustness
          .find((own) => own.norm === norm)
          ?.points.find(({ epsilon }) => epsilon === point.epsilon);
        if (!other) return [];
        const set = `${norm} ${epsilonText(point.epsilon)}`;
        return [
          ...unpaired("attacked", `not falsified within ${set}`, point.attackedUpper, other.attackedUpper, allowed),
          ...unpaired("proved", `proved right within ${set}`, provedIn(a, point), provedIn(b, other), allowed),
        ];
      }),
    ),
  ];
}

/** Reports of earlier versions call bounds in real arithmetic certified, too. */
const provedIn = (report: AuditReport, { certifiedLower }: BandPoint): Proportion | null =>
  isReal(report) ? null : certifiedLower;

const RANK = { ship: 0, "cannot-tell": 1, "do-not-ship": 2 } as const satisfies Record<DecisionKind, number>;
const OUTCOME_RANK = { met: 0, undecided: 1, failed: 2 } as const satisfies Record<GateCondition["outcome"], number>;

/** Worse by rank: a regression where the worst is reached, else undecided. */
const worse = (before: number, after: number): ChangeOutcome =>
  after <= before ? "none" : after === 2 ? "regression" : "undecided";

function statesOf(a: AuditReport, b: AuditReport): StateChange[] {
  const conditions = a.decision.gate.conditions.flatMap(({ sentence, outcome }): StateChange[] => {
    const other = b.decision.gate.conditions.find((own) => own.sentence === sentence);
    if (!other || other.outcome === outcome) return [];
    return [
      {
        what: sentence,
        a: outcome,
        b: other.outcome,
        outcome: worse(OUTCOME_RANK[outcome], OUTCOME_RANK[other.outcome]),
      },
    ];
  });
  const [before, after] = [a.decision.kind, b.decision.kind];
  const decision: StateChange = {
    what: "the decision",
    a: DECISION_WORDS[before],
    b: DECISION_WORDS[after],
    outcome: worse(RANK[before], RANK[after]),
  };
  return before === after ? conditions : [decision, ...conditions];
}

/**
 * Which rates, conditions and decision became worse. Reports hold no single answers, so rates are compared by their intervals:
 * less sharply than two model files on the same inputs.
 *
 * @param allowed the drop of a rate up to which nothing is a regression
 */
export function compareReports(a: AuditReport, b: AuditReport, allowed = 0): Comparison {
  const rates = ratesOf(a, b, allowed);
  const states = statesOf(a, b);
  const side = ({ model }: AuditReport) => ({ path: model.fileName, sha256: model.sha256 });
  const alike = a.data.source === b.data.source && a.data.selection === b.data.selection;
  return {
    a: side(a),
    b: side(b),
    paired: false,
    inputs: Math.min(a.data.count, b.data.count),
    allowed,
    agreement: null,
    rates,
    states,
    changed: [],
    notes: [
      ...(alike
        ? []
        : [`The data differs: ${a.data.source} (${a.data.selection}), ${b.data.source} (${b.data.selection}).`]),
      "Rates of two reports are compared by their intervals; name two model files to compare them input by input.",
    ],
    outcome: gravest([...rates, ...states]),
  };
}

const OUTCOME_WORDS = {
  regression: "worse",
  undecided: "perhaps worse",
  none: "",
} as const satisfies Record<ChangeOutcome, string>;

const HEADLINES = {
  regression: "REGRESSION: the second is worse",
  undecided: "UNDECIDED: the second may be worse, by no more than chance explains",
  none: "NO REGRESSION",
} as const satisfies Record<ChangeOutcome, string>;

const SHOWN = 10;

function rateLines({ what, a, b, lost, gained, outcome, least }: RateChange): string[] {
  const sure = outcome === "regression" ? `, at least ${percent(least)} less` : "";
  const counts = lost === null ? "" : `; ${lost} lost, ${gained} gained`;
  const word = OUTCOME_WORDS[outcome];
  return [`  ${what}`, `    ${shortRateText(a)} → ${shortRateText(b)}${counts}${word && `: ${word}${sure}`}`];
}

/** For a terminal. */
export function comparisonText({
  a,
  b,
  inputs,
  agreement,
  rates,
  states,
  changed,
  notes,
  outcome,
}: Comparison): string {
  const lines = [
    HEADLINES[outcome],
    `  ${a.path} (sha256 ${a.sha256.slice(0, 12)}…) → ${b.path} (sha256 ${b.sha256.slice(0, 12)}…)`,
    "",
    ...(agreement ? [`  same answer: ${shortRateText(agreement)}, ${agreement.successes} of ${inputs}`] : []),
    ...rates.flatMap(rateLines),
    ...states.map(
      ({ what, a: before, b: after, outcome: own }) =>
        `  ${what}: ${before} → ${after}${OUTCOME_WORDS[own] && `: ${OUTCOME_WORDS[own]}`}`,
    ),
    ...(changed.length === 0 ? [] : ["", "  Other answers:"]),
    ...changed
      .slice(0, SHOWN)
      .map(
        ({ index, label, a: before, b: after }) =>
          `    input ${index}${label === null ? "" : ` (label ${label})`}: ${before} → ${after}`,
      ),
    ...(changed.length > SHOWN ? [`    and ${changed.length - SHOWN} more; --json lists them`] : []),
    ...(notes.length === 0 ? [] : ["", ...notes.map((note) => `  ${note}`)]),
  ];
  return `${lines.join("\n")}\n`;
}
