import type { Glossary } from "../contract.ts";

export const GLOSSARY = {
  adversarial: {
    term: "Adversarial example",
    text: "An input changed so little that a person would not care, on which the model gives another answer.",
  },
  certified: {
    term: "Certified",
    text: "An input is certified when the model answers it correctly and a proof shows that no change within epsilon can alter the answer, whatever the attacker knows or tries.",
  },
  crown: {
    term: "CROWN",
    text: "A proof method that bounds the model from above and below by straight lines, walking from its output back to its input. Slower and tighter than IBP.",
  },
  epsilon: {
    term: "Epsilon (ε)",
    text: "How far an input may be changed, in the unit named with the result. For pictures on a scale from 0 to 1, an epsilon of 8/255 lets every pixel become eight grey levels lighter or darker.",
  },
  falsified: {
    term: "Falsified",
    text: "An input is falsified when an attack found a witness: a change within epsilon after which the model answers wrongly.",
  },
  fgsm: {
    term: "FGSM",
    text: "The simplest attack: one step of size epsilon in the direction that hurts the answer most.",
  },
  floatsafe: {
    term: "Float32-safe",
    text: "A computer rounds every number. A float32-safe proof also covers the rounding of the proof and of the model itself; a proof in real arithmetic does not.",
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
  pgd: {
    term: "PGD",
    text: "Projected gradient descent: an attack of many small steps, each in the direction that hurts the answer most, never leaving the allowed range, run several times (restarts) from random places.",
  },
  unknown: {
    term: "Unknown",
    text: "No attack falsified the input and no proof protects it. It may be either; more time, or a stronger method, can tell.",
  },
  witness: {
    term: "Witness",
    text: "The concrete changed input that shows a weakness. Every witness in this report was run again on the original model file and measured to lie within epsilon.",
  },
} as const satisfies Glossary;
