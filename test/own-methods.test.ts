import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Attack,
  attack,
  attackOf,
  audit,
  backdoor,
  certify,
  certifyEach,
  certifyMinimal,
  type Detection,
  type Detector,
  defineAttack,
  defineDetector,
  defineVerifier,
  detectorOf,
  examineFile,
  type LocalExamination,
  reportOf,
  type Verifier,
  verifierOf,
} from "../src/index.ts";

const MLP = "zoo/mnist-mlp.onnx";
const about = { version: 1, title: "Mine", summary: "A test.", source: "a test", norms: ["linf"] } as const;

/** Hands the work to a listed attack: whatever that finds, it finds. @param onPrepare told of each compilation */
const borrowed = (id: string, onPrepare: () => void = () => {}): Attack =>
  defineAttack({
    ...about,
    id,
    settings: { steps: 5 },
    options: (z) => ({ steps: z.int().min(1).describe("how many") }),
    prepare: (network, runtime, { steps, ...terms }) => {
      onPrepare();
      return attackOf("pgd").with({ steps, restarts: 1 }).prepare(network, runtime, terms);
    },
  }) as unknown as Attack;

/** Claims that every input itself is got wrong. */
const liar = defineAttack({
  ...about,
  id: "liar",
  settings: {},
  options: () => ({}),
  prepare: async () => ({
    attack: async ({ images, labels }) =>
      Array.from(labels, (_, i) => {
        const size = images.data.length / labels.length;
        const adversarial = Float32Array.from(images.data.subarray(i * size, (i + 1) * size));
        return { success: true, adversarial, margin: -1, queries: 1, flat: false };
      }),
    [Symbol.asyncDispose]: async () => {},
  }),
});

const ibpAgain = defineVerifier({
  ...about,
  id: "ibp-again",
  cheap: true,
  prepare: (network, runtime, options) => verifierOf("ibp").prepare(network, runtime, options),
});

/** A false proof of everything. */
const credulous = defineVerifier({
  ...about,
  id: "credulous",
  prepare: async () => ({
    bounds: async ({ spec, count }) => ({
      arithmetic: "float32",
      lower: new Float64Array(count * spec.size).fill(1),
    }),
    [Symbol.asyncDispose]: async () => {},
  }),
});

const detection: Detection = {
  flagged: true,
  score: 9,
  pValue: null,
  target: 3,
  reason: "it always does",
  evidence: {},
};

const alarmist = (own: Partial<Pick<Detector, "role">> = {}): Detector =>
  defineDetector({
    ...about,
    id: "alarmist",
    title: "Alarmist",
    needs: "nothing",
    blindTo: "everything",
    settings: { volume: 1 },
    options: (z) => ({ volume: z.int().describe("how loud") }),
    parts: () => [{}],
    examine: async () => ({}),
    conclude: () => detection,
    ...own,
  });

let digits: LocalExamination;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "assay-own-"));
  digits = await examineFile(MLP, { data: "mnist", limit: 100, workers: 1, store: folder, resume: true });
});
afterAll(async () => {
  await digits[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const verdicts = (results: readonly { readonly verdict: string; readonly margin: number | null }[]) =>
  results.map(({ verdict, margin }) => [verdict, margin]);

describe("an attack that the program defines", () => {
  test("finds what the same search finds as a listed one, and stands in the results with its settings", async () => {
    const own = await attack(digits, { epsilon: 0.05, attacks: [borrowed("mine").with({ steps: 7 })] });
    const listed = await attack(digits, { epsilon: 0.05, attacks: [attackOf("pgd").with({ steps: 7, restarts: 1 })] });
    expect(verdicts(own.file.results)).toEqual(verdicts(listed.file.results));
    expect(own.file.results.some(({ verdict }) => verdict === "falsified")).toBe(true);
    expect(own.file.methods).toMatchObject([{ id: "mine", version: 1, settings: { steps: 7 } }]);
  });

  test("is tried in its turn, on what still stands", async () => {
    const both = await attack(digits, { epsilon: 0.05, attacks: [attackOf("fgsm"), borrowed("mine")] });
    const first = await attack(digits, { epsilon: 0.05, attacks: [attackOf("fgsm")] });
    const falsified = ({ file }: typeof both) => file.results.filter(({ verdict }) => verdict === "falsified").length;
    expect(falsified(both)).toBeGreaterThan(falsified(first));
  });

  test("is believed only as far as the model file confirms", async () => {
    const { file } = await attack(digits, { epsilon: 0.0001, attacks: [liar] });
    expect(file.results.filter(({ verdict }) => verdict === "falsified")).toEqual([]);
  });

  test("runs again, though results are kept: its function may be another", async () => {
    let compiled = 0;
    const request = () => ({ epsilon: 0.05, attacks: [borrowed("mine", () => compiled++)] });
    await attack(digits, request());
    await attack(digits, request());
    expect(compiled).toBe(2);
  });

  test("that fails leaves its inputs unknown, and the others go on", async () => {
    const broken = borrowed("broken", () => {
      throw new Error("out of order");
    });
    const { file } = await attack(digits, { epsilon: 0.05, attacks: [broken] });
    expect(new Set(file.results.map(({ verdict }) => verdict))).toEqual(new Set(["unknown", "misclassified"]));
    expect(digits.engine.failures.at(-1)).toMatchObject({ reason: "internal-error", message: "out of order" });
  });

  test("has options with bounds, and a name of its own", async () => {
    const refused = (...attacks: Attack[]) =>
      expect(attack(digits, { epsilon: 0.05, attacks })).rejects.toMatchObject({ fault: "usage" });
    await refused(borrowed("mine").with({ steps: 0 }));
    await refused(borrowed("pgd"));
    await refused(borrowed("mine"), borrowed("mine"));
  });
});

describe("a verifier that the program defines", () => {
  test("proves what the same bounds prove as a listed one", async () => {
    const request = { epsilon: 0.0005, attack: false };
    const own = await certify(digits, { ...request, verifiers: [ibpAgain] });
    const listed = await certify(digits, { ...request, verifiers: [verifierOf("ibp")] });
    expect(verdicts(own.file.results)).toEqual(verdicts(listed.file.results));
    expect(own.file.results.some(({ verdict }) => verdict === "certified")).toBe(true);
  });

  test("raises the alarm where it proves what an attack breaks", async () => {
    await expect(certify(digits, { epsilon: 0.1, verifiers: [credulous] })).rejects.toMatchObject({
      name: "SoundnessAlarm",
    });
  });

  test("is held against witnesses of smaller radii, too", async () => {
    const request = { epsilon: 0.2, verifiers: [credulous] };
    await expect(certifyEach(digits, request, [0.2, 0.1])).rejects.toMatchObject({
      name: "SoundnessAlarm",
      evidence: {
        contradictions: expect.arrayContaining([
          expect.objectContaining({
            proof: expect.objectContaining({ epsilon: 0.2 }),
            attack: expect.objectContaining({ epsilon: 0.1 }),
          }),
        ]),
      },
    });
    const closely = { bisections: 2, tolerance: 0 };
    await expect(certifyMinimal(digits, request, closely)).rejects.toMatchObject({ name: "SoundnessAlarm" });
  });

  test("has a name of its own", async () => {
    const pretender: Verifier = defineVerifier({ ...about, id: "ibp", prepare: ibpAgain.prepare });
    await expect(certify(digits, { epsilon: 0.1, verifiers: [pretender] })).rejects.toMatchObject({ fault: "usage" });
  });
});

describe("a detector that the program defines", () => {
  const listed = [detectorOf("last-layer")];

  test("stands in the results with its settings, and has no part in the verdict", async () => {
    const without = await backdoor(digits, { detectors: listed });
    const { file } = await backdoor(digits, { detectors: [...listed, alarmist().with({ volume: 2 })] });
    expect(file.detectors.map(({ name }) => name)).toEqual(["last-layer", "alarmist"]);
    expect(file.detectors[1]).toMatchObject({ flagged: true, score: 9, target: 3, settings: { volume: 2 } });
    expect(file.verdict).toEqual(without.file.verdict);
  });

  test("can play no part of a listed one", async () => {
    await expect(backdoor(digits, { detectors: [alarmist({ role: "margins" })] })).rejects.toThrow(/role "margins"/);
  });
});

test("methods of all kinds take part in an audit: in the report with their settings, in the decision where they may", async () => {
  const search = { draw: async () => digits.inputs, seed: 0, reference: undefined, bundled: () => [] };
  const audited = await audit(digits, {
    epsilons: [0.0005, 0.05],
    attacks: [borrowed("mine").with({ steps: 3 })],
    verifiers: [ibpAgain],
    detectors: [alarmist()],
    search,
    budget: Number.POSITIVE_INFINITY,
  });
  const report = reportOf(audited, { created: "2026-01-01T00:00:00Z", command: "a test" });
  expect(audited.failures.filter(({ what }) => !what.includes("broken"))).toEqual(digits.engine.failures);
  const runs = report.runs.filter(({ method }) => ["Mine", "Alarmist"].includes(method));
  expect(new Set(runs.map(({ purpose }) => purpose))).toEqual(new Set(["attack", "verify", "tampering"]));
  expect(runs.find(({ purpose }) => purpose === "attack")!.options).toMatchObject({ steps: 3 });
  const [small, large] = report.robustness[0]!.points;
  expect(small!.counts.certified).toBeGreaterThan(0);
  expect(large!.counts.falsified).toBeGreaterThan(0);
  expect(report.backdoor!.detectors).toMatchObject([{ id: "alarmist", flagged: true }]);
  expect(report.backdoor!.verdict.flagged).toBe(null);
  expect(report.limits.find(({ title }) => title === "Methods of its own")!.sentence).toContain("Mine, Mine, Alarmist");
  await expect(audit(digits, { verifiers: [ibpAgain], attacks: [borrowed("ibp-again")], search })).rejects.toThrow(
    /already the name/,
  );
});
