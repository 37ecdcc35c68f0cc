/** @file How the decision came about: the gate's conditions, what to do next, and the findings beyond the first three. */
import { html, type Markup } from "../markup.ts";
import { CARRYING_FINDINGS } from "../read.ts";
import type { AuditReport, Decision, Finding, GateCondition } from "../schema.ts";
import type { ReportPart } from "./contract.ts";
import { COMMON_TERMS } from "./glossary.ts";
import { evidenceBadge, figureText, fold, icon, prose, severityMark } from "./parts.ts";

export const findingCard = (finding: Finding): Markup =>
  html`<li class="finding finding-${finding.severity}">
<div class="finding-marks">${evidenceBadge(finding.evidence)}${severityMark(finding.severity)}</div>
<h3>${finding.title}</h3>
<p>${finding.sentence}</p>
${finding.figures.map(figureText)}
<a class="more" href="#${finding.section}">See the evidence</a>
</li>`;

const OUTCOME = {
  met: { word: "Met", icon: "check" },
  failed: { word: "Failed", icon: "cross" },
  undecided: { word: "Undecided", icon: "question" },
} as const satisfies Readonly<Record<GateCondition["outcome"], object>>;

const conditionItem = ({ sentence, outcome, measured, decides }: GateCondition): Markup =>
  html`<li class="condition condition-${outcome}">${icon(OUTCOME[outcome].icon)}<div><p>${sentence}</p><p class="fine"><strong>${OUTCOME[outcome].word}</strong>${decides ? "" : " (not part of the gate)"}: ${measured}</p></div></li>`;

const conditionList = ({ gate }: Decision): Markup =>
  html`<ul class="conditions">${gate.conditions.map(conditionItem)}</ul>`;

/** The three questions with their answers. */
export const answerList = ({ answers }: Decision): Markup | null =>
  answers.length === 0
    ? null
    : html`<ul class="answers">${answers.map(
        ({ question, answer, outcome, decides, measured }) =>
          html`<li class="answer condition-${outcome}"><p class="question">${question}</p><p class="given">${icon(OUTCOME[outcome].icon)}<strong>${answer}</strong>${decides ? null : html` <span class="aside">not part of the gate</span>`}</p>${measured.map((text) => html`<p class="fine">${text}</p>`)}</li>`,
      )}</ul>`;

function decisionBody({ decision, findings }: AuditReport): (Markup | null)[] {
  const { gate, nextSteps } = decision;
  const further = findings.slice(CARRYING_FINDINGS);
  const steps = html`<h3>What to do next</h3><ol class="steps">${nextSteps.map((step) => html`<li>${prose(step)}</li>`)}</ol>`;
  return [
    nextSteps.length === 0 ? null : steps,
    fold(`The conditions: ${gate.name}`, conditionList(decision)),
    ...(further.length === 0
      ? []
      : [html`<h3>Further findings</h3><ul class="findings further">${further.map(findingCard)}</ul>`]),
  ];
}

export const decisionPart = {
  sections: [{ id: "decision", name: "Decision", title: "How the decision came about", body: decisionBody }],
  glossary: COMMON_TERMS,
} as const satisfies ReportPart;
