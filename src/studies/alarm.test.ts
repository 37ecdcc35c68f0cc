import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { saveAlarm } from "../local/alarm-file.ts";
import type { Contradiction } from "../methods/audit/types.ts";
import { raiseAlarm, type SoundnessAlarm } from "./alarm.ts";

test("a proof against a witness ends with code 4 and saves both, exactly", () => {
  const home = process.cwd();
  const folder = mkdtempSync(join(tmpdir(), "assay-alarm-"));
  const witness = Float32Array.of(0.1, 0.7);
  const record = {
    falsified: true,
    predicted: 3,
    margin: -0.5,
    distance: 0.04,
    confidence: 0.8,
    queries: 9,
    refuted: false,
    notANumber: false,
    zeroGradient: false,
    witness,
  };
  const conflict: Contradiction = {
    position: 1,
    proof: { method: "crown", epsilon: 0.05, lower: 0.2 },
    found: { method: "pgd", epsilon: 0.05, record },
  };
  const session = {
    chunk: {
      images: Float32Array.of(0, 0, 0.1, 0.66),
      labels: Int32Array.of(5, 8),
      indices: Int32Array.of(40, 41),
    },
    model: { path: "m.onnx", sha256: "ab".repeat(32) },
    seed: 6,
    inputs: { domain: [0, 1] },
  } as never;
  process.chdir(folder);
  try {
    let alarm: SoundnessAlarm | undefined;
    try {
      raiseAlarm(session, "linf", [conflict]);
    } catch (error) {
      alarm = error as SoundnessAlarm;
    }
    expect(alarm).toMatchObject({
      fault: "stopped",
      message: expect.stringMatching(/soundness alarm: 1 inputs.*input 41/),
    });
    expect(saveAlarm(alarm!)).toMatchObject({ fault: "stopped", message: expect.stringMatching(/1 inputs.*\.json/) });
    const saved = JSON.parse(readFileSync("assay-soundness-alarm-abababababab.json", "utf8"));
    const [contradiction] = saved.contradictions;
    expect(contradiction).toMatchObject({ index: 41, label: 8, proof: { method: "crown", lower: 0.2 } });
    expect(Float32Array.from(contradiction.attack.witness)).toEqual(witness);
    expect(Float32Array.from(contradiction.input)).toEqual(Float32Array.of(0.1, 0.66));
  } finally {
    process.chdir(home);
    rmSync(folder, { recursive: true });
  }
});
