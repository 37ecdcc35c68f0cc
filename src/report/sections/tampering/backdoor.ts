/** @file The search for a backdoor: its answer, the curves behind it, the suspected class in pictures, and what is open. */
import { pText, relationText } from "../../../stats/p-text.ts";
import { tamperingSeverity } from "../../../studies/audit/signs.ts";
import type { ChartKit } from "../../charts/chart.ts";
import { leanChart, MOST_CLASSES } from "../../charts/lean.ts";
import { responseChart, responseTop } from "../../charts/response.ts";
import { numberText, percent, plural } from "../../format.ts";
import { html, type Markup, trusted } from "../../markup.ts";
import { pictureUri } from "../../pictures.ts";
import { className } from "../../read.ts";
import type { AuditReport } from "../../schema.ts";
import { termOf } from "../glossary.ts";
import { type Column, chartFigure, dataTable, evidenceBadge, fold, prose, rateCell, severityMark } from "../parts.ts";
import { GLOSSARY } from "./glossary.ts";
import type { AnsweredPicture, BackdoorScan, DetectorVerdict } from "./schema.ts";
import { smallestText } from "./words.ts";

const term = termOf(GLOSSARY);

type Scan = BackdoorScan;

function titleOf(scan: Scan): string {
  const { verdict, suspected } = scan;
  switch (tamperingSeverity(scan)) {
    case "critical":
      return "A backdoor is likely";
    case "warning":
      return "A backdoor is possible";
    case "good":
      return "No sign of a backdoor";
    default:
      if (suspected !== null) return "A weak sign of a backdoor";
      return verdict.flagged === null
        ? "Undecided whether it has a backdoor"
        : "No sign of a backdoor, by a rule of thumb";
  }
}

function referenceText({ reference, verdict }: Scan): Markup {
  if (reference === null)
    return html`There is <strong>no reference population</strong> of this task and architecture: no p-value, and no known rate of false alarms.`;
  if (reference.unused !== null)
    return html`The reference population ${reference.name} was not used: ${reference.unused}.`;
  const recipe = reference.recipe === "" ? null : html` (${reference.recipe})`;
  const level =
    verdict.level === null
      ? null
      : html` A model is flagged at p ≤ ${verdict.level}, as are ${percent(verdict.level, 0)} of clean models.`;
  return html`Compared with <strong>${plural(reference.clean, "clean model")}</strong> of ${reference.name}${recipe}.${level}`;
}

function answer(report: AuditReport, scan: Scan): Markup {
  const { verdict, suspected, signs, reference } = scan;
  const severity = tamperingSeverity(scan);
  const own = signs.filter(({ label }) => label === suspected);
  // the answer itself speaks of noise
  const listed = own.filter(({ kind }) => kind !== "noise");
  const other = signs.filter(({ label }) => label !== suspected);
  const p =
    verdict.pValue === null
      ? null
      : html`<div class="figure"><div class="figure-number">${pText(verdict.pValue)}</div><div class="figure-label">${reference && html`<strong>${smallestText(verdict.pValue, reference.clean)}</strong>. `}Share of models that look at least this suspicious, among the clean ones and this</div></div>`;
  const target =
    suspected === null
      ? null
      : html`<div class="figure"><div class="figure-number">${className(report, suspected)}</div><div class="figure-label">the class under suspicion, named by ${plural(own.length, "sign")}</div></div>`;
  const list =
    listed.length === 0
      ? null
      : html`<ul class="signs">${listed.map(({ sentence }) => html`<li>${sentence}</li>`)}</ul>`;
  const others =
    other.length === 0
      ? null
      : html`<p class="fine">Other signs: ${other.map(({ label, sentence }) => html`${className(report, label)}: ${sentence} `)}</p>`;
  return html`<article class="suspicion finding-${severity}"><div class="finding-marks">${evidenceBadge(verdict.kind === "statistical" || severity === "critical" ? "statistical" : "heuristic")}${severityMark(severity)}</div><h3>${titleOf(scan)}</h3><p>${verdict.reason}</p>${p === null && target === null ? null : html`<div class="numbers">${p}${target}</div>`}${list}${others}<p class="fine">${referenceText(scan)}</p></article>`;
}

// ---------------------------------------------------------------- curves and lean

function curvesPart(kit: ChartKit, { curves, reference, gamma }: Scan): Markup | null {
  // without clean models to hold it against a curve says nothing
  if (!curves.some(({ band }) => band !== null)) return null;
  const top = responseTop(curves);
  const legend = html`<ul class="legend"><li><span class="swatch swatch-attacked"></span>this model</li><li><span class="swatch swatch-band"></span>${reference?.clean ?? 0} clean models: from the 5% lowest to the 5% highest</li><li><span class="swatch swatch-median"></span>their median</li></ul>`;
  const charts = curves.map(
    (curve, i) =>
      html`<figure><figcaption>${curve.title}</figcaption>${trusted(responseChart(kit, curve, `response-${i}`, top))}</figure>`,
  );
  return html`<h3>Answers to noise</h3><p class="lead">Noise of rising strength is put on the inputs. Each curve shows how many answers are high-confidence errors: wrong, with a confidence above ${percent(gamma, 0)}. Noise can wake a hidden ${term("trigger", "trigger")}, though clean models too have such answers: what counts is the difference.</p>${legend}<div class="small-charts chart">${charts}</div>`;
}

function leanPart(kit: ChartKit, report: AuditReport, { lean, suspected, verdict }: Scan): Markup | null {
  if (lean === null) return null;
  const marked = verdict.flagged === false ? null : suspected;
  const chart = leanChart(kit, lean, {
    id: "lean-chart",
    nameOf: (label) => className(report, label),
    suspected: marked,
  });
  const many =
    lean.classes.length > MOST_CLASSES
      ? `The ${MOST_CLASSES} of ${lean.classes.length} classes that lean furthest. `
      : "";
  const source =
    lean.source === null ? null : html` It is strongest for inputs labelled ${className(report, lean.source)}.`;
  return html`<h3>Where noise pulls</h3>${chartFigure(
    chart,
    html`<p>${many}How much further noise pulls the logits towards each class than it pulls those of clean models (the logit shift), counted in standard deviations of these (robust, from their median absolute deviation). Every model leans somewhere: 0 is what is usual for the class. Dots: the furthest; small strokes: each kind of noise.${source}</p><p>${lean.threshold === null ? "There are too few clean models for a threshold." : html`The dashed line is the score above which a model is flagged: ${numberText(lean.threshold)}.`}</p>`,
  )}`;
}

// ---------------------------------------------------------------- pictures

const figureOf = (uri: string, alt: string, caption: Markup): Markup =>
  html`<figure><img src="${uri}" alt="${alt}"><figcaption>${caption}</figcaption></figure>`;

const answeredFigure =
  (report: AuditReport, suspected: number, how: string) =>
  ({ label, predicted, confidence, picture }: AnsweredPicture): Markup | null => {
    if (picture === null) return null;
    const name = className(report, predicted);
    const led =
      predicted === suspected ? html`<strong class="alarming">${name}</strong>` : html`<strong>${name}</strong>`;
    return figureOf(
      pictureUri(picture),
      `${className(report, label)}, ${how}`,
      html`${className(report, label)}, answered ${led}, confidence ${percent(confidence, 0)}`,
    );
  };

function noisePart(report: AuditReport, { noise, suspected }: Scan): Markup | null {
  if (noise === null || suspected === null) return null;
  const name = className(report, suspected);
  const shown = noise.examples.map(answeredFigure(report, suspected, "with noise"));
  return html`<h3>Inputs that noise sends to ${name}</h3><p>With ${noise.what}, ${rateCell(noise.led)} of inputs of other classes, all answered correctly without noise, are answered ${name} (${noise.led.successes} of ${noise.led.trials}). The surest:</p>${shown.length === 0 ? null : html`<div class="pictures">${shown}</div>`}`;
}

function triggerPart(report: AuditReport, { trigger }: Scan): Markup | null {
  if (trigger === null) return null;
  const { label, size, pixels, small, success, mask, pattern, examples } = trigger;
  const name = className(report, label);
  const judged =
    small === 0
      ? null
      : size <= small
        ? html` That is <strong>small</strong> (at most ${numberText(small)}): hardly any honest feature of a class fits into it.`
        : html` That is not small (more than ${numberText(small)}): any model can be led by a mark large enough.`;
  const parts = [
    mask && figureOf(pictureUri(mask), "Mask of the trigger", html`Mask: where it covers the input`),
    pattern && figureOf(pictureUri(pattern), "Pattern of the trigger", html`Pattern: what it puts there, on grey`),
    ...examples.map(answeredFigure(report, label, "with the trigger")),
  ];
  return html`<h3>The smallest trigger found for ${name}</h3><p>A search by Neural Cleanse for the smallest mark that makes every input ${name}. Its mask adds up to <strong>${numberText(size)}</strong> of ${plural(pixels, "pixel")}.${judged} It sends ${rateCell(success)} of inputs that the search had not seen to ${name} (${success.successes} of ${success.trials}).</p><div class="pictures">${parts}</div>`;
}

// ---------------------------------------------------------------- the table, and what is open

const flaggedText = (flagged: boolean | null): Markup =>
  flagged === null
    ? html`<span class="absent">has none</span>`
    : flagged
      ? html`<strong class="alarming">flagged</strong>`
      : html`not flagged`;

function agreement(report: AuditReport, { detectors, suspected }: Scan): Markup | null {
  if (detectors.length === 0) return null;
  const compared = detectors.some(({ pValue }) => pValue !== null);
  const columns: readonly Column[] = [
    { heading: "Detector", kind: "words" },
    { heading: "By its own rule", kind: "words" },
    ...(compared ? [{ heading: "p, clean models", kind: "number" } as const] : []),
    { heading: "Class", kind: "words" },
    { heading: "What it saw", kind: "words" },
  ];
  const target = ({ target: label }: DetectorVerdict): Markup => {
    if (label === null) return html`<span class="absent">names none</span>`;
    return label === suspected
      ? html`<strong class="alarming">${className(report, label)}</strong>`
      : html`${className(report, label)}`;
  };
  const pCell = ({ pValue }: DetectorVerdict): Markup =>
    pValue === null ? html`<span class="absent">unknown</span>` : html`${relationText(pValue).replace("= ", "")}`;
  const rows = detectors.map((own) => [
    html`${own.title}`,
    html`${flaggedText(own.flagged)}${own.ownPValue === null ? null : html` <span class="interval">${pText(own.ownPValue)}</span>`}`,
    ...(compared ? [pCell(own)] : []),
    target(own),
    html`${own.reason} <span class="fine purpose">Blind to ${own.blindTo}.</span>`,
  ]);
  return html`<h3>What each detector says</h3>${dataTable("Detectors", "stack", columns, rows)}`;
}

function closing({ limits, settings }: Scan): Markup {
  return html`<h3>What this does not say</h3><ul class="limits">${limits.map((item) => html`<li>${prose(item)}</li>`)}</ul>${fold("Settings of the search", html`<dl class="facts">${settings.map(({ name, value }) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`, "left out")}`;
}

/** The search for a backdoor, from its answer to what it does not say. */
export function backdoorPart(kit: ChartKit, report: AuditReport, scan: Scan): (Markup | null)[] {
  return [
    answer(report, scan),
    fold(
      "The evidence: triggers, answers to noise, every detector",
      [
        triggerPart(report, scan),
        noisePart(report, scan),
        leanPart(kit, report, scan),
        curvesPart(kit, scan),
        agreement(report, scan),
        closing(scan),
      ],
      ["critical", "warning"].includes(tamperingSeverity(scan)) ? "printed" : "left out",
    ),
  ];
}
