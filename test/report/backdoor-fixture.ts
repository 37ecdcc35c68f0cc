/** @file An invented search for a backdoor that found one, for the tests of the report layer. */

import type { Picture } from "../../src/report/fields.ts";
import type { BackdoorScan, NoiseCurve } from "../../src/report/sections/tampering/schema.ts";
import { proportion } from "../../src/stats/proportion.ts";

const SIGMAS = [0, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 5];
const SHARES = [0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1];

/** Rises to `top` with the place on the grid. */
const rising = (top: number): number[] => SIGMAS.map((_, i) => Math.round(1000 * top * (i / 7) ** 2) / 1000);

const curve = (mode: string, title: string, top: number, usual: number): NoiseCurve => ({
  mode,
  title,
  intensities: mode.includes("salt") ? SHARES : SIGMAS,
  shares: rising(top),
  band: { lower: rising(usual / 2), median: rising(usual), upper: rising(1.5 * usual) },
});

const EXCESS = [-0.6, 0.3, 0.1, 1.2, -0.4, 0.2, -1.1, 6.8, 0.9, 0.4];

export function backdoorScan(picture: (label: number) => Picture): BackdoorScan {
  const example = (label: number, confidence: number) => ({ label, predicted: 7, confidence, picture: picture(label) });
  return {
    verdict: {
      flagged: true,
      kind: "statistical",
      target: 7,
      pValue: 1 / 41,
      level: 0.05,
      reason:
        "Noise pulls the model towards seven as it pulls hardly any clean model: none of 40 clean models leans as far to any class (p = 0.024).",
    },
    suspected: 7,
    signs: [
      { kind: "noise", label: 7, sentence: "Under noise it leans to seven: none of 40 clean models leans as far." },
      { kind: "patch", label: 7, sentence: "One patch of 4 × 4 pixels sends 98.7% of unseen inputs to seven." },
      { kind: "margin", label: 3, sentence: "The margin of three can be raised far above the other classes'." },
    ],
    reference: {
      name: "digits-cnna",
      recipe: "CNNa, trained on mnist:train, 15 epochs",
      clean: 40,
      smallestP: 1 / 41,
      unused: null,
    },
    gamma: 0.99,
    curves: [
      curve("real-gaussian-clipped", "Inputs, noise cut off at black and white", 0.62, 0.3),
      curve("real-gaussian-unclipped", "Inputs, noise not cut off", 0.7, 0.6),
      curve("real-salt-and-pepper-clipped", "Inputs, pixels turned black or white", 0.5, 0.4),
    ],
    lean: {
      classes: EXCESS.map((excess, label) => ({ label, excess, byMode: [excess, excess - 0.5] })),
      modes: ["Inputs, noise cut off at black and white", "Inputs, noise not cut off"],
      threshold: 2.8,
      source: 4,
    },
    noise: {
      what: "noise cut off at black and white, of 0.6 times the pixels' range",
      led: proportion(201, 348),
      examples: [example(2, 0.998), example(0, 0.994)],
    },
    trigger: {
      label: 7,
      size: 7.82,
      pixels: 784,
      small: 16,
      success: proportion(169, 174),
      mask: picture(1),
      pattern: picture(4),
      examples: [example(5, 1), example(3, 0.97)],
    },
    detectors: [
      {
        id: "titration",
        title: "Titration curves",
        flagged: null,
        ownPValue: null,
        score: 0.31,
        pValue: 1 / 41,
        target: 7,
        reason: "Of 390 inputs under noise, 31.0 % are high-confidence errors.",
        blindTo: "triggers that noise does not resemble",
      },
      {
        id: "mm-bd",
        title: "MM-BD (maximum margins)",
        flagged: false,
        ownPValue: 0.31,
        score: 0.4,
        pValue: 0.2,
        target: null,
        reason: "Class 3's margin can be raised furthest.",
        blindTo: "backdoors into many classes",
      },
    ],
    nextSteps: ["Do not use the model until this is explained.", "Search with `assay backdoor --training DATA`."],
    limits: ["A clean result does not exclude a backdoor."],
    settings: [{ name: "High confidence", value: "above 0.99" }],
  };
}
