/** @file What the words mean, for readers who decide and do not verify networks for a living. */
import { html, type Markup } from "../markup.ts";

const GLOSSARY = {
  adversarial: {
    term: "Adversarial example",
    text: "An input changed so little that a person would not care, on which the model gives another answer.",
  },
  attacked: {
    term: "Attacked",
    text: "Kind of evidence: a concrete input was found that shows the weakness, and was run again on the original model file. An attack that finds nothing proves nothing: the model was not broken by that attack, no more.",
  },
  backdoor: {
    term: "Backdoor",
    text: "A hidden rule put into a model on purpose, usually through its training data: inputs that carry a certain mark, the trigger, get the answer its author chose. Everything else looks normal.",
  },
  bounded: {
    term: "Bounded (real arithmetic)",
    text: "Kind of evidence: a bound as papers compute it, as if numbers were not rounded. The model as it runs does round, so this proves nothing of it and decides nothing here.",
  },
  certified: {
    term: "Certified",
    text: "An input is certified when the model answers it correctly and a proof shows that no change within epsilon can alter the answer, whatever the attacker knows or tries.",
  },
  clean: { term: "Clean accuracy", text: "The share of correct answers on unchanged inputs." },
  interval: {
    term: "Confidence interval",
    text: "The audit sees a sample. The interval, given beside a percentage, holds the share for all inputs of this kind in at least 95 of 100 such audits (exact method of Clopper and Pearson). Few inputs give a wide interval.",
  },
  crown: {
    term: "CROWN",
    text: "A proof method that bounds the model from above and below by straight lines, walking from its output back to its input. Slower and tighter than IBP.",
  },
  epsilon: {
    term: "Epsilon (ε)",
    text: "How far an input may be changed, in the unit named with the result. For pictures on a scale from 0 to 1, an epsilon of 8/255 lets every pixel become eight grey levels lighter or darker.",
  },
  fgsm: {
    term: "FGSM",
    text: "The simplest attack: one step of size epsilon in the direction that hurts the answer most.",
  },
  floatsafe: {
    term: "Float32-safe",
    text: "A computer rounds every number. A float32-safe proof also covers the rounding of the proof and of the model itself; a proof in real arithmetic does not.",
  },
  heuristic: {
    term: "Heuristic",
    text: "Kind of evidence: a rule of thumb that is often right. A hint where to look, never a reason to decide.",
  },
  ibp: {
    term: "IBP",
    text: "Interval bound propagation: a fast proof method that follows, layer by layer, the lowest and highest value every number in the model can take. Coarse unless the model was trained for it.",
  },
  margin: {
    term: "Margin",
    text: "The score of the right class minus the best score of any other. Above zero the answer is right; the larger, the further from changing.",
  },
  norm: {
    term: "Norms: linf, l2, l1",
    text: "Ways to measure a change. linf: the largest change of any single pixel. l2: the ordinary length of the change, as in geometry. l1: all changes added up.",
  },
  pvalue: {
    term: "p-value",
    text: "Here: the share of clean models of the same kind that look at least as suspicious as this one. Small is suspicious; flagging at p ≤ 0.05 flags one clean model in twenty. It cannot be smaller than one over the number of clean models plus one.",
  },
  pgd: {
    term: "PGD",
    text: "Projected gradient descent: an attack of many small steps, each in the direction that hurts the answer most, never leaving the allowed range, begun from several random places.",
  },
  proved: {
    term: "Proved",
    text: "Kind of evidence: a mathematical argument, carried out by the computer, covers every case in the stated range.",
  },
  statistical: {
    term: "Statistical",
    text: "Kind of evidence: measured on a sample of inputs, with the interval that such a sample allows.",
  },
  trigger: { term: "Trigger", text: "The mark that a backdoor reacts to, for example a small white patch." },
  undecided: {
    term: "Undecided",
    text: "No attack broke the input and no proof protects it. It may be either; more time, or a stronger method, can tell.",
  },
  witness: {
    term: "Witness",
    text: "The concrete changed input that shows a weakness. Every witness in this report was run again on the original model file and measured to lie within epsilon.",
  },
} as const;

export type GlossaryId = keyof typeof GLOSSARY;

export const glossaryAnchor = (id: GlossaryId): string => `term-${id}`;

export const glossaryList = (): Markup =>
  html`<dl class="glossary">${Object.entries(GLOSSARY).map(
    ([id, { term, text }]) =>
      html`<div id="${glossaryAnchor(id as GlossaryId)}"><dt>${term}</dt><dd>${text}</dd></div>`,
  )}</dl>`;
