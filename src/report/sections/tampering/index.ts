/** @file Tests for planted behaviour: backdoors and universal triggers. */

import type { AuditFacts } from "../../audit/facts.ts";
import { type Bar, barChart } from "../../charts/bars.ts";
import type { ChartKit } from "../../charts/chart.ts";
import { intervalText, percent } from "../../format.ts";
import { html, type Markup } from "../../markup.ts";
import { pictureUri } from "../../pictures.ts";
import { className, confidenceText } from "../../read.ts";
import type { AuditReport } from "../../schema.ts";
import type { ReportPart } from "../contract.ts";
import { termOf } from "../glossary.ts";
import { methodRuns } from "../method-runs.ts";
import { chartFigure, evidenceBadge, fold, lead, nothing, rateCell, severityMark } from "../parts.ts";
import { backdoorPart } from "./backdoor.ts";
import { tamperingOf } from "./fill.ts";
import { GLOSSARY } from "./glossary.ts";
import { backdoorRuns } from "./scan.ts";
import type { Suspicion } from "./schema.ts";
import { CONDITIONS, FINDINGS } from "./words.ts";

const term = termOf(GLOSSARY);

const perTargetBars = (report: AuditReport, { perTarget, targetClass }: Suspicion): Bar[] =>
  perTarget.map(({ label, success }) => ({
    name: className(report, label),
    value: success.estimate,
    text: percent(success.estimate),
    detail: `(${intervalText(success)})`,
    interval: [success.lower, success.upper],
    marked: label === targetClass,
  }));

function suspicionPart(kit: ChartKit, report: AuditReport, suspicion: Suspicion, position: number): Markup {
  const { title, sentence, method, evidence, severity, success, targetClass, pictures, perTarget } = suspicion;
  const target = targetClass === null ? null : html` Target class: <strong>${className(report, targetClass)}</strong>.`;
  const rate =
    success === null
      ? null
      : html` Attack success rate: ${rateCell(success)} (${success.successes} of ${success.trials} inputs of other classes).`;
  const shown = pictures.map(
    ({ caption, picture }) =>
      html`<figure><img src="${pictureUri(picture)}" alt="${caption}"><figcaption>${caption}</figcaption></figure>`,
  );
  const chart =
    perTarget.length === 0
      ? null
      : chartFigure(
          barChart(kit, perTargetBars(report, suspicion), {
            id: `targets-${position}`,
            title: "Attack success rate by target class",
          }),
          html`<p>How many inputs of other classes the best trigger sends to each class: one class far above the rest is the mark of a ${term("backdoor", "backdoor")}. Lines: ${confidenceText(report)} intervals.</p>`,
        );
  return html`<article class="suspicion finding-${severity}"><div class="finding-marks">${evidenceBadge(evidence)}${severityMark(severity)}</div><h3>${title}</h3><p>${sentence}</p><p class="fine">Found by ${method}.${target}${rate}</p>${
    // the first screen shows them, smaller
    shown.length === 0 ? null : fold("Pictures", html`<div class="pictures">${shown}</div>`, "left out")
  }${chart && fold("Class by class", chart)}</article>`;
}

function tamperingBody(report: AuditReport, kit: ChartKit): (Markup | null)[] {
  const { suspicions, backdoor } = report;
  if (suspicions.length === 0 && backdoor === null) {
    return [nothing("No test for tampering ran. This report says nothing about hidden triggers.")];
  }
  return [
    lead(
      html`Was a ${term("backdoor", "backdoor")} put in, a hidden ${term("trigger", "trigger")} that sends inputs to one class? A test that finds none covers only the triggers that it can see.`,
    ),
    ...(backdoor ? backdoorPart(kit, report, backdoor) : []),
    ...(backdoor && suspicions.length > 0 ? [html`<h3>The screen for planted patches</h3>`] : []),
    ...suspicions.map((suspicion, i) => suspicionPart(kit, report, suspicion, i)),
  ];
}

function otherTriggers({ patches, backdoor, unexamined }: AuditFacts): string {
  const screened =
    "Triggers that are larger than the patches of the screen, faint, moving, or of another form would not be found by it";
  const why = unexamined.patches ?? "too few inputs of other classes";
  const search = backdoor
    ? "the same holds of what the search by noise does not say"
    : "too few inputs for a search by noise";
  return `${patches ? screened : `No patches were tried (${why})`}; ${search}.`;
}

export const tamperingPart = {
  fill: tamperingOf,
  runs: ({ patches, backdoor, seed }) => [
    ...methodRuns(patches ? [patches.run] : [], seed),
    ...(backdoor ? backdoorRuns(backdoor) : []),
  ],
  limits: (facts) => [{ title: "Other triggers", sentence: otherTriggers(facts) }],
  sections: [{ id: "tampering", name: "Tampering", title: "Signs of tampering", body: tamperingBody }],
  glossary: GLOSSARY,
  findings: FINDINGS,
  conditions: CONDITIONS,
} as const satisfies ReportPart;
