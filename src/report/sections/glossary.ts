/** @file What the words mean, for readers who decide and do not verify networks for a living. Families add their own terms. */
import { html, type Markup } from "../markup.ts";
import type { Glossary } from "./contract.ts";

/** Kinds of evidence, and what every report speaks of. */
export const COMMON_TERMS = {
  attacked: {
    term: "Attacked",
    text: "Kind of evidence: a concrete input was found that shows the weakness, and was run again on the original model file. An attack that finds nothing proves nothing: that attack falsified nothing, no more.",
  },
  bounded: {
    term: "Bounded (real arithmetic)",
    text: "Kind of evidence: a bound as papers compute it, as if numbers were not rounded. The model as it runs does round, so this proves nothing of it and decides nothing here.",
  },
  clean: { term: "Clean accuracy", text: "The share of correct answers on unchanged inputs." },
  interval: {
    term: "Confidence interval",
    text: "The audit sees a sample. The interval, given beside a percentage, holds the share for all inputs of this kind in at least 95 of 100 such audits (exact method of Clopper and Pearson). Few inputs give a wide interval.",
  },
  heuristic: {
    term: "Heuristic",
    text: "Kind of evidence: a rule of thumb that is often right. A hint where to look, never a reason to decide.",
  },
  proved: {
    term: "Proved",
    text: "Kind of evidence: a mathematical argument, carried out by the computer, covers every case in the stated range.",
  },
  statistical: {
    term: "Statistical",
    text: "Kind of evidence: measured on a sample of inputs, with the interval that such a sample allows.",
  },
} as const satisfies Glossary;

export const glossaryAnchor = (id: string): string => `term-${id}`;

/** A word that one of these glossaries explains, as a link. */
export const termOf =
  <G extends Glossary>(_: G) =>
  (id: keyof G & string, text: string): Markup =>
    html`<a class="term" href="#${glossaryAnchor(id)}">${text}</a>`;

/** By the alphabet. */
export function glossaryList(glossary: Glossary): Markup {
  const first = ([, a]: [string, Glossary[string]], [, b]: [string, Glossary[string]]): number =>
    a.term.toLowerCase() < b.term.toLowerCase() ? -1 : 1;
  const entries = Object.entries(glossary).toSorted(first);
  return html`<dl class="glossary">${entries.map(
    ([id, { term, text }]) => html`<div id="${glossaryAnchor(id)}"><dt>${term}</dt><dd>${text}</dd></div>`,
  )}</dl>`;
}
