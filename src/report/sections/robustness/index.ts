/** @file Accuracy against epsilon, per class, and adversarial examples. */

import { epsilonText } from "../../../stats/epsilon-text.ts";
import { lowerOf } from "../../../studies/audit/codes.ts";
import type { AuditFacts } from "../../audit/facts.ts";
import { bandChart } from "../../charts/band.ts";
import type { ChartKit } from "../../charts/chart.ts";
import { classChart, MOST_ROWS, weakestFirst } from "../../charts/classes.ts";
import { integerText, numberText, percent, plural, signedText } from "../../format.ts";
import { html, type Markup } from "../../markup.ts";
import { changeUri, pictureUri } from "../../pictures.ts";
import { boundWord, className, confidenceText, headlinePoint, isReal, unknownText } from "../../read.ts";
import type { AuditReport, Limit } from "../../schema.ts";
import type { ReportPart } from "../contract.ts";
import { COMMON_TERMS, termOf } from "../glossary.ts";
import { methodRuns } from "../method-runs.ts";
import { type Column, chartFigure, dataTable, fold, icon, lead, nothing, rateCell } from "../parts.ts";
import { featureTable } from "./features.ts";
import { GLOSSARY } from "./glossary.ts";
import { robustnessOf } from "./measured.ts";
import type { AdversarialExample, BandPoint, Robustness } from "./schema.ts";
import { CONDITIONS, FINDINGS } from "./words.ts";

const term = termOf({ ...COMMON_TERMS, ...GLOSSARY });

const swatch = (kind: string, words: Markup | string): Markup =>
  html`<li><span class="swatch swatch-${kind}"></span>${words}</li>`;

function bandLegend({ points }: Robustness, real: boolean): Markup {
  const has = (rateOf: (point: BandPoint) => unknown): boolean => points.some((point) => rateOf(point) !== null);
  return html`<ul class="legend">
${has((p) => p.attackedUpper) ? swatch("attacked", "not falsified by any attack: the truth is not above") : null}
${swatch("unknown", term("unknown", "unknown"))}
${has(lowerOf) ? swatch("certified", real ? "bounded in real arithmetic: no proof" : "proved: the truth is not below") : null}
${has((p) => p.clean) ? swatch("clean-line", "clean accuracy") : null}
</ul>`;
}

const boundHeading = (real: boolean): string => (real ? "Bounded (real arithmetic)" : "Proved, at least");

function pointsTable({ points, norm }: Robustness, real: boolean): Markup {
  const columns: readonly Column[] = [
    { heading: "Epsilon", kind: "words" },
    { heading: "Not falsified, at most", kind: "number" },
    { heading: boundHeading(real), kind: "number" },
    { heading: "Unknown", kind: "number" },
    { heading: "Falsified", kind: "number" },
  ];
  const rows = points.map((p) => [
    html`<span class="rate">${epsilonText(p.epsilon)}</span>`,
    rateCell(p.attackedUpper, "≤ "),
    rateCell(lowerOf(p), "≥ "),
    integerText(p.counts.unknown),
    integerText(p.counts.falsified),
  ]);
  const inputs = Math.max(...points.map(({ counts }) => counts.inputs));
  const table = dataTable(`Accuracy against epsilon, ${norm}`, "compact", columns, rows);
  return html`${table}<p class="fine">Each row is about the same ${plural(inputs, "input")}; a number of inputs counts those that the model gets right unchanged.</p>`;
}

/** The headline point in sentences. */
function reading(report: AuditReport, point: BandPoint): Markup {
  const { epsilon, attackedUpper, counts, unknownBy } = point;
  const lower = lowerOf(point);
  const why = unknownText(unknownBy);
  const labelled = report.data.cleanAccuracy !== null;
  const whatever = isReal(report) ? "by bounds that leave out rounding, which is no proof" : "whatever is tried";
  const stay = labelled ? "stay correct" : "keep their answer";
  const others = labelled ? "the others were wrong anyway or an attack falsified them" : "an attack changed the others";
  const high =
    attackedUpper === null ? null : html` at most ${rateCell(attackedUpper)} of the inputs ${stay}; ${others}.`;
  const low = lower === null ? null : html` At least ${rateCell(lower)} ${stay} ${whatever}.`;
  return html`<strong>How to read it.</strong> With changes up to epsilon ${epsilonText(epsilon)}:${high}${low} For <strong>${integerText(counts.unknown)}</strong> of ${plural(counts.inputs, "input")} nobody knows yet${why === "" ? "" : html` (why no proof holds: ${why})`}.`;
}

function normPart(kit: ChartKit, report: AuditReport, robustness: Robustness, position: number): Markup {
  const { norm, unit, headlineEpsilon, points } = robustness;
  if (points.every((point) => point.attackedUpper === null && lowerOf(point) === null)) {
    return nothing("No attack and no verifier got to any input, so nothing is known within any radius.");
  }
  const headline = headlinePoint(robustness);
  const missing = [
    ...(headline.attackedUpper === null
      ? ["No attack ran here, so nothing bounds the truth from above but the clean accuracy."]
      : []),
    ...(lowerOf(headline) === null
      ? ["No verifier ran here, so nothing is proved: the truth may lie anywhere below the attacks' line."]
      : []),
  ];
  const caption = html`<p>${reading(report, headline)}</p><p>Changes are measured in ${term("norm", norm)}, in ${unit}. The dotted vertical line marks epsilon ${epsilonText(headlineEpsilon)}, which the decision is about. Tinted edges and whiskers are ${confidenceText(report)} ${term("interval", "intervals")}.</p>`;
  return html`<h3>Up to how large a change? (${norm})</h3>${missing.map(nothing)}${bandLegend(robustness, isReal(report))}${chartFigure(
    bandChart(kit, robustness, `band-${position}`, boundWord(report)),
    caption,
  )}${fold("The numbers", pointsTable(robustness, isReal(report)))}`;
}

/** Said where a proof leaves rounding out, because such a proof must not be read as covering the running model. */
function arithmeticNote({ runs }: AuditReport): Markup[] {
  const real = runs.filter((run) => run.arithmetic === "real").map((run) => run.method);
  if (real.length === 0) return [];
  return [
    html`<p class="caution">${icon("alert")}<span>${[...new Set(real)].join(", ")} ran in real arithmetic: the bounds leave out rounding, prove nothing of the model as it runs and are not ${term("floatsafe", "float32-safe")}.</span></p>`,
  ];
}

const fromBelow = (real: boolean): Markup =>
  real
    ? html`<strong>Bounds</strong> in real arithmetic mark it from below, as if nothing were rounded: they are no proof.`
    : html`<strong>Proofs</strong> lift it from below: what is ${term("certified", "certified")} cannot be falsified at all.`;

function robustnessBody(report: AuditReport, kit: ChartKit): Markup[] {
  const { robustness } = report;
  if (robustness.length === 0) {
    return [nothing("Neither attacks nor verifiers ran in this audit.")];
  }
  const right = report.data.cleanAccuracy === null ? "does the answer stay what it was" : "is the answer still right";
  return [
    lead(
      html`If someone may change every input by up to ${term("epsilon", "epsilon")}, on how many inputs ${right}? Nobody can try every change, so the answer is a band. <strong>Attacks</strong> press it from above: what they falsified is certainly wrong there. ${fromBelow(isReal(report))} In between it is ${term("unknown", "unknown")}.`,
    ),
    ...arithmeticNote(report),
    ...robustness.map((part, i) => normPart(kit, report, part, i)),
    // findings point here
    html`<div id="classes">${classesPart(report, kit)}</div>`,
  ];
}

function classesPart(report: AuditReport, kit: ChartKit): Markup | null {
  const headline = report.robustness.find((r) => r.classes.length > 0);
  if (headline === undefined) return null;
  const { classes, norm, headlineEpsilon } = headline;
  const columns: readonly Column[] = [
    { heading: "Class (inputs)", kind: "words" },
    { heading: "Clean", kind: "number" },
    { heading: "Not falsified, at most", kind: "number" },
    { heading: boundHeading(isReal(report)), kind: "number" },
  ];
  const rows = weakestFirst(classes).map((row) => {
    const inputs = (row.clean ?? row.attackedUpper ?? lowerOf(row))?.trials ?? 0;
    return [
      html`${className(report, row.label)} <span class="fine">(${integerText(inputs)})</span>`,
      rateCell(row.clean),
      rateCell(row.attackedUpper, "≤ "),
      rateCell(lowerOf(row), "≥ "),
    ];
  });
  const caption = html`<p>${classes.length > MOST_ROWS ? `The ${MOST_ROWS} weakest of ${classes.length} classes; the table has all. ` : ""}Weakest first, within ${norm} ${epsilonText(headlineEpsilon)}. Lines: ${confidenceText(report)} intervals, wide because each class has few inputs.</p>`;
  return fold(`Class by class: ${plural(classes.length, "class", "classes")}, weakest first`, [
    html`<ul class="legend">${swatch("clean-dot", "clean")}${swatch("attacked-mark", "not falsified by any attack")}${swatch("certified-mark", boundWord(report))}${swatch("unknown", "unknown")}</ul>`,
    chartFigure(classChart(kit, classes, report.data.classNames, "classes-chart", boundWord(report)), caption),
    fold("The numbers", dataTable("Accuracy by class", "compact", columns, rows), "left out"),
  ]);
}

function exampleCard(report: AuditReport, { norm }: Robustness, example: AdversarialExample): Markup {
  const [from, to] = [className(report, example.label), className(report, example.predicted)];
  const aimed = example.target === null ? "" : `, aimed at ${className(report, example.target)}`;
  const { picture, features } = example;
  const shown = (uri: string, alt: string, caption: Markup): Markup =>
    html`<figure><img src="${uri}" alt="${alt}"><figcaption>${caption}</figcaption></figure>`;
  const shownAs =
    picture === null
      ? features && featureTable(features, example.index)
      : html`<div class="triple">${shown(pictureUri(picture.original), `Input ${example.index}, unchanged`, html`answered <strong>${from}</strong>`)}${shown(
          changeUri(picture.change, picture.original),
          `What was changed: red is more, blue is less`,
          html`the change, full colour ±${numberText(picture.change.scale)}`,
        )}${shown(pictureUri(picture.adversarial), `Input ${example.index}, after the attack`, html`answered <strong class="alarming">${to}</strong>`)}</div>`;
  return html`<li class="example"><p class="example-title"><strong>${from}</strong> read as <strong class="alarming">${to}</strong></p>${shownAs}
<p class="fine">Input ${example.index}. ${example.method}${aimed}. ${norm} distance ${epsilonText(example.distance)} of ${epsilonText(example.epsilon)} allowed. ${term("margin", "Margin")} ${signedText(example.marginBefore)} before, ${signedText(example.marginAfter)} after; confidence in the wrong answer ${percent(example.confidence, 0)}.</p></li>`;
}

/** The others are folded away. */
const OPEN_EXAMPLES = 2;

function examplesBody(report: AuditReport): Markup[] {
  const cards = report.robustness.flatMap((part) => part.examples.map((example) => exampleCard(report, part, example)));
  if (cards.length === 0) {
    const points = report.robustness.flatMap((r) => r.points);
    const why = points.every((p) => p.attackedUpper === null)
      ? "No attack ran."
      : points.every((p) => p.counts.falsified === 0)
        ? "The attacks falsified nothing, so there is nothing to show. That proves nothing by itself."
        : "The attacks falsified inputs, but none was kept.";
    return [nothing(why)];
  }
  if (report.robustness.every(({ examples }) => examples.every(({ picture }) => picture === null))) {
    return [
      lead(
        html`${plural(cards.length, "input")} that the model answers correctly, and wrongly after a small change. Each is a ${term("witness", "witness")}. What changed most, measured in the unit of epsilon, stands first, in the data’s own units.`,
      ),
      html`<ul class="examples">${cards}</ul>`,
    ];
  }
  return [
    lead(
      html`${plural(cards.length, "picture")} that the model answers correctly, and wrongly after a small change. Each is a ${term("witness", "witness")}. The middle picture shows the change alone, magnified: red where the pixel became lighter, blue where it became darker.`,
    ),
    html`<p class="scale" aria-hidden="true"><span>darker</span><span class="scale-bar"></span><span>lighter</span></p>`,
    html`<ul class="examples">${cards.slice(0, OPEN_EXAMPLES)}</ul>`,
    ...(cards.length > OPEN_EXAMPLES
      ? [
          fold(
            `${cards.length - OPEN_EXAMPLES} more`,
            html`<ul class="examples">${cards.slice(OPEN_EXAMPLES)}</ul>`,
            "left out",
          ),
        ]
      : []),
  ];
}

function limitsOf({ robustness, headlineEpsilon, arithmetic }: AuditFacts): Limit[] {
  const limits: Limit[] = [
    {
      title: "Changes of other kinds",
      sentence: `Rotations, blur, weather and new kinds of input were not tried: the numbers speak of changes in ${robustness.norm} alone, the gate of ${epsilonText(headlineEpsilon)}.`,
    },
    ...robustness.refused.map(({ title, reason }) => ({ title: `${title} did not apply`, sentence: `${reason}.` })),
    ...robustness.needless.map(({ title, from }) => ({
      title: `${title} at large radii`,
      sentence: `It was not tried from ${epsilonText(from)} on: attacks had falsified more inputs there than the gate allows, and no proof changes that.`,
    })),
  ];
  if (arithmetic === "real") {
    const sentence =
      "Bounds were made in real arithmetic, as in papers: they leave out the rounding of the network as it runs, so nothing is proved.";
    limits.push({ title: "Rounding", sentence });
  }
  return limits;
}

export const robustnessPart = {
  fill: (facts: AuditFacts) => ({ robustness: [robustnessOf(facts)] }),
  runs: ({ robustness, seed }) => methodRuns(robustness.runs, seed),
  limits: limitsOf,
  sections: [
    { id: "robustness", name: "Robustness", title: "Robustness", body: robustnessBody },
    { id: "examples", name: "Examples", title: "Adversarial examples", body: examplesBody },
  ],
  glossary: GLOSSARY,
  findings: FINDINGS,
  conditions: CONDITIONS,
} as const satisfies ReportPart;
