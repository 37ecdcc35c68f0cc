/** @file The first screen: the decision, the three findings that carry it, and the key numbers. */

import { epsilonText } from "../../stats/epsilon-text.ts";
import type { Proportion } from "../../stats/proportion.ts";
import { heldCount, lowerOf } from "../../studies/audit/codes.ts";
import { isConfirmed } from "../../studies/audit/signs.ts";
import { dateText, intervalText, percent, plural } from "../format.ts";
import { html, type Markup } from "../markup.ts";
import { changeUri, pictureUri } from "../pictures.ts";
import {
  boundWord,
  CARRYING_FINDINGS,
  className,
  confidenceText,
  DECISION_WORDS,
  headlinePoint,
  isReal,
} from "../read.ts";
import type { AuditReport, DecisionKind } from "../schema.ts";
import { answerList, findingCard } from "./decision.ts";
import { COMMON_TERMS, termOf } from "./glossary.ts";
import { icon } from "./parts.ts";
import { GLOSSARY } from "./robustness/glossary.ts";
import type { VerdictCounts } from "./robustness/schema.ts";

const term = termOf({ ...COMMON_TERMS, ...GLOSSARY });

const SEAL = { ship: "check", "do-not-ship": "cross", "cannot-tell": "question" } as const satisfies Readonly<
  Record<DecisionKind, string>
>;

export function firstScreen(report: AuditReport): Markup {
  const { kind, headline, reason } = report.decision;
  return html`<header class="hero hero-${kind}">
<p class="masthead"><strong>Assay</strong> audit report<span class="masthead-date">${dateText(report.created)}</span></p>
<div class="verdict">
<div class="verdict-words">
<p class="subject">Decision about <code>${report.model.fileName}</code></p>
<h1><span class="seal">${icon(SEAL[kind])}</span>${DECISION_WORDS[kind]}</h1>
<p class="headline">${headline}</p>
<p class="reason">${reason}</p>
${exhibits(report)}
</div>
${keyNumbers(report)}
</div>
${answerList(report.decision)}
<ol class="findings" aria-label="The findings that carry the decision">${report.findings.slice(0, CARRYING_FINDINGS).map(findingCard)}</ol>
</header>`;
}

/** Pictures shown beside the decision, so that the reason can be seen. */
const MOST_EXHIBITS = 4;

const exhibit = (uri: string, caption: string): Markup =>
  html`<figure><img src="${uri}" alt=""><figcaption>${caption}</figcaption></figure>`;

/** The trigger that was found where signs of a backdoor agree, alone and on inputs. */
function triggerExhibits(report: AuditReport): Markup[] {
  const { backdoor } = report;
  if (!backdoor?.trigger || !isConfirmed(backdoor)) return [];
  const { pattern, examples } = backdoor.trigger;
  const shown = examples.flatMap(({ picture, predicted }) =>
    picture ? [exhibit(pictureUri(picture), `With it: ${className(report, predicted)}`)] : [],
  );
  const alone = pattern ? [exhibit(pictureUri(pattern), "The trigger found, on grey")] : [];
  return [...alone, ...shown].slice(0, MOST_EXHIBITS);
}

/** The trigger of a critical finding, or else one adversarial example; none beside a good decision. */
function exhibits(report: AuditReport): Markup | null {
  if (report.decision.kind === "ship") return null;
  const tampering = report.suspicions.find((s) => s.severity === "critical" && s.pictures.length > 0);
  if (tampering !== undefined) {
    const shown = tampering.pictures.slice(0, MOST_EXHIBITS);
    return html`<div class="exhibits">${shown.map(({ caption, picture }) => exhibit(pictureUri(picture), caption))}</div>`;
  }
  const trigger = triggerExhibits(report);
  if (trigger.length > 0) return html`<div class="exhibits">${trigger}</div>`;
  const example = report.robustness.flatMap((r) => r.examples).find((e) => e.picture !== null);
  if (example?.picture == null) return null;
  const { original, change, adversarial } = example.picture;
  return html`<div class="exhibits">
${exhibit(pictureUri(original), `Answered ${className(report, example.label)}`)}
${exhibit(changeUri(change, original), "The change, magnified")}
${exhibit(pictureUri(adversarial), `Answered ${className(report, example.predicted)}`)}
</div>`;
}

function keyNumbers(report: AuditReport): Markup {
  const { cleanAccuracy } = report.data;
  const headline = report.robustness[0];
  const clean = keyNumber("Clean accuracy", "on unchanged inputs", cleanAccuracy, "");
  if (headline === undefined) return html`<div class="key"><h2>Key numbers</h2><dl>${clean}</dl></div>`;
  const point = headlinePoint(headline);
  const range = `${headline.norm} ${epsilonText(point.epsilon)}`;
  const still = cleanAccuracy === null ? "same answer" : "correct";
  return html`<div class="key">
<h2>Key numbers <span class="key-range">within ${term("norm", headline.norm)} ${term("epsilon", epsilonText(point.epsilon))}</span></h2>
<dl>
${clean}
${keyNumber("Not falsified", `${still} after all attacks, at most`, point.attackedUpper, "≤ ")}
${isReal(report) ? keyNumber("Bounded (real arithmetic)", "no proof: rounding is left out", lowerOf(point), "≥ ") : keyNumber("Proved", `${still} whatever is tried, at least`, lowerOf(point), "≥ ")}
</dl>
${verdictBar(point.counts, range, confidenceText(report), boundWord(report))}
</div>`;
}

const keyNumber = (name: string, meaning: string, rate: Proportion | null, prefix: string): Markup =>
  html`<div class="key-number"><dt>${name} <span class="key-meaning">${meaning}</span></dt><dd>${
    rate === null
      ? html`<span class="absent">not measured</span>`
      : html`${prefix}${percent(rate.estimate)} <span class="interval">${intervalText(rate)}</span>`
  }</dd></div>`;

/** What became of every input, as one bar whose parts are also written out. */
function verdictBar(counts: VerdictCounts, range: string, confidence: string, bound: string): Markup {
  const parts = (
    [
      ["certified", bound, heldCount(counts)],
      ["unknown", "unknown", counts.unknown],
      ["falsified", "falsified", counts.falsified],
      ["wrong", "wrong unchanged", counts.inputs - counts.correct],
    ] as const
  ).filter(([, , count]) => count > 0);
  const words = parts.map(([, word, count]) => `${count} ${word}`).join(", ");
  return html`<div class="verdicts">
<div class="verdict-bar" role="img" aria-label="Of ${counts.inputs} inputs within ${range}: ${words}">${parts.map(
    ([kind, , count]) => html`<span class="part part-${kind}" style="flex-grow:${count}"></span>`,
  )}</div>
<ul class="legend">${parts.map(
    ([kind, word, count]) => html`<li><span class="swatch part-${kind}"></span>${count} ${word}</li>`,
  )}</ul>
<p class="fine">${plural(counts.inputs, "input")}; ranges beside percentages are ${confidence} ${term("interval", "confidence intervals")}.</p>
</div>`;
}
