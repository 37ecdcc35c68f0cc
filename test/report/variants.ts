/** @file Further invented reports: one to ship, and one with most of it missing. */
import type { AuditReport } from "../../src/report/schema.ts";
import type { BandPoint } from "../../src/report/sections/robustness/schema.ts";
import { proportion } from "../../src/stats/proportion.ts";
import { backdoor, CLASS_NAMES, classRows, point, RUNS, suspiciousReport } from "./fixture.ts";

/** A model trained to be provable: the band is narrow and no trigger was found. */
export function healthyReport(): AuditReport {
  const report = suspiciousReport();
  const [linf] = report.robustness;
  const scan = report.backdoor!;
  return {
    ...report,
    decision: {
      kind: "ship",
      headline: "Accurate, and proved stable where it matters",
      reason:
        "It meets every condition of the gate: for 93.6% of the inputs no change within linf 0.1 can alter the answer, and no trigger was found.",
      answers: [
        {
          question: "Was it tampered with?",
          answer: "No sign found",
          outcome: "met",
          decides: true,
          measured: ["No single patch sends more than half of the inputs to one class: 3.1%, interval 2.1–4.4%"],
        },
        {
          question: "Is it reliable on ordinary inputs?",
          answer: "Yes",
          outcome: "met",
          decides: true,
          measured: ["Clean accuracy is at least 95%: 98.7%, interval 97.7–99.4%"],
        },
        {
          question: "Does it resist adversaries?",
          answer: "Yes",
          outcome: "met",
          decides: true,
          measured: ["At least 80% stay correct within linf 0.1: 93.6% proved, interval 91.9–95.1%"],
        },
      ],
      gate: {
        name: "default gate at linf 0.1",
        conditions: [
          {
            sentence: "Clean accuracy is at least 95%",
            outcome: "met",
            measured: "98.7%, interval 97.7–99.4%",
            decides: true,
          },
          {
            sentence: "At least 80% stay correct within linf 0.1",
            outcome: "met",
            measured: "93.6% proved, interval 91.9–95.1%",
            decides: true,
          },
        ],
      },
      nextSteps: ["Keep this report with the file: the sha256 ties them together."],
    },
    findings: [
      {
        id: "certified",
        title: "Nine answers in ten are proved stable",
        sentence: "For 936 of 1000 pictures no change within linf 0.1 can alter the answer.",
        evidence: "proved",
        severity: "good",
        figures: [{ label: "proved correct", rate: proportion(936, 1000) }],
        section: "robustness",
      },
      {
        id: "attack",
        title: "The attacks found little",
        sentence: "FGSM and PGD turned 29 correct answers into wrong ones.",
        evidence: "attacked",
        severity: "note",
        figures: [{ label: "still correct after every attack", rate: proportion(958, 1000) }],
        section: "robustness",
      },
      {
        id: "patch",
        title: "No patch rules the answer",
        sentence: "The best patch of 4 × 4 pixels moves few pictures; a larger or invisible trigger could still exist.",
        evidence: "statistical",
        severity: "good",
        figures: [{ label: "moved by the best patch", rate: proportion(31, 897) }],
        section: "tampering",
      },
    ],
    model: { ...report.model, fileName: "cnn-a-ibp.onnx" },
    command: report.command.replace("cnn-a-patch", "cnn-a-ibp"),
    robustness: [
      {
        ...linf!,
        points: [
          point(0.02, 984, 981),
          point(0.05, 976, 968),
          point(0.1, 958, 936),
          point(0.15, 921, 842),
          point(0.2, 831, 603),
          point(0.3, 402, 12),
        ],
        classes: classRows({ standing: 0.77, certified: 0.89 }),
        examples: linf!.examples.slice(0, 2),
      },
    ],
    backdoor: {
      ...scan,
      verdict: {
        ...scan.verdict,
        flagged: false,
        target: null,
        pValue: 0.39,
        reason: "Noise pulls the model no further than clean models: 15 of 40 lean as far to any class (p = 0.39).",
      },
      suspected: null,
      signs: [],
      noise: null,
      trigger: null,
    },
    suspicions: [
      {
        ...backdoor(),
        severity: "good",
        evidence: "statistical",
        targetClass: null,
        title: "No patch of 4 × 4 pixels rules the answer",
        sentence: "For each class the best patch was searched; none moves more than a few pictures.",
        success: proportion(31, 897),
        perTarget: CLASS_NAMES.map((_, label) => ({ label, success: proportion(11 + ((label * 37) % 29), 897) })),
        pictures: [],
      },
    ],
  };
}

/** Nothing but a model and unlabelled inputs: attacks ran, no verifier could. */
export function undecidedReport(): AuditReport {
  const report = suspiciousReport();
  const bare = (epsilon: number, standing: number): BandPoint => ({
    epsilon,
    clean: null,
    attackedUpper: proportion(standing, 60),
    certifiedLower: null,
    counts: { inputs: 60, correct: 60, certified: 0, falsified: 60 - standing, unknown: standing },
    unknownBy: {},
  });
  return {
    ...report,
    decision: {
      kind: "cannot-tell",
      headline: "Nothing falsifies enough of it, nothing proves it",
      reason:
        "The inputs came without labels and the network holds an operation that no verifier here can bound, so no share is proved.",
      answers: [
        {
          question: "Was it tampered with?",
          answer: "Cannot tell",
          outcome: "undecided",
          decides: false,
          measured: ["No two signs of a backdoor name the same class: not examined: too few inputs"],
        },
        {
          question: "Is it reliable on ordinary inputs?",
          answer: "Cannot tell",
          outcome: "undecided",
          decides: false,
          measured: ["Clean accuracy is at least 95%: not measured: the data has no labels"],
        },
        {
          question: "Does it resist adversaries?",
          answer: "Cannot tell",
          outcome: "undecided",
          decides: true,
          measured: [
            "At least 80% stay correct within linf 8/255: at most 76.7% (not falsified by any attack), nothing proved",
          ],
        },
      ],
      gate: {
        name: "default gate at linf 8/255",
        conditions: [
          {
            sentence: "At least 80% stay correct within linf 8/255",
            outcome: "undecided",
            measured: "at most 76.7% (not falsified by any attack), nothing proved",
            decides: true,
          },
        ],
      },
      nextSteps: ["Add labels with --labels FILE."],
    },
    findings: [
      {
        id: "attack",
        title: "One answer in four can be changed",
        sentence: "Within linf 8/255 the attacks changed 14 of 60 answers; so few inputs leave a wide interval.",
        evidence: "attacked",
        severity: "warning",
        figures: [{ label: "same answer after every attack", rate: proportion(46, 60) }],
        section: "robustness",
      },
      {
        id: "unsupported",
        title: "Nothing can be proved about this network",
        sentence:
          "Its operation NonZero has an output whose shape depends on the data, which no verifier here can bound.",
        evidence: "heuristic",
        severity: "warning",
        figures: [],
        section: "limits",
      },
    ],
    model: { ...report.model, fileName: "camera-7.onnx", opset: null, producer: null, layers: [] },
    data: { ...report.data, count: 60, cleanAccuracy: null, chance: null, terms: report.data.terms.slice(0, 2) },
    mistakes: null,
    robustness: [
      {
        norm: "linf",
        unit: "pixel values scaled to 0…1",
        headlineEpsilon: 8 / 255,
        points: [bare(0.5 / 255, 60), bare(2 / 255, 57), bare(8 / 255, 46)],
        classes: [],
        examples: [],
      },
    ],
    backdoor: {
      ...report.backdoor!,
      verdict: {
        flagged: null,
        kind: "undecided",
        target: 3,
        pValue: null,
        level: null,
        reason: "By the margins of its classes (MM-BD) three stands out, but noise does not lead there.",
      },
      suspected: 3,
      signs: report.backdoor!.signs.filter(({ label }) => label === 3),
      reference: null,
      curves: report.backdoor!.curves.map((curve) => ({ ...curve, band: null })),
      lean: null,
      noise: null,
      trigger: { ...report.backdoor!.trigger!, label: 3, size: 41.3, mask: null, pattern: null, examples: [] },
      detectors: report.backdoor!.detectors.map((own) => ({ ...own, pValue: null })),
    },
    suspicions: [],
    runs: RUNS.slice(1, 3),
  };
}
