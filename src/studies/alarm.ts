/** @file The alarm that no run may pass by: an input that is proved safe and broken at once. */

import type { Contradiction } from "../methods/audit/types.ts";
import type { Norm } from "../spec/types.ts";
import type { Examination } from "./examination.ts";
import { floats } from "./floats.ts";

/** Both pieces of evidence, as plain data: one of the two is wrong. */
export class SoundnessAlarm extends Error {
  override readonly name = "SoundnessAlarm";
  readonly fault = "stopped";
  readonly evidence: AlarmEvidence;
  constructor(evidence: AlarmEvidence) {
    const { contradictions } = evidence;
    super(
      `soundness alarm: ${contradictions.length} inputs are proved and falsified at once, the first is input ${contradictions[0]!.index}`,
    );
    this.evidence = evidence;
  }
}

export type AlarmEvidence = ReturnType<typeof evidenceOf>;

/** @throws SoundnessAlarm: always */
export function raiseAlarm(...args: Parameters<typeof evidenceOf>): never {
  throw new SoundnessAlarm(evidenceOf(...args));
}

function evidenceOf(
  { chunk, model, seed, inputs }: Pick<Examination, "chunk" | "model" | "seed" | "inputs">,
  norm: Norm,
  conflicts: readonly Contradiction[],
) {
  const size = chunk.images.length / chunk.labels.length;
  return {
    model: { path: model.path, sha256: model.sha256 },
    norm,
    domain: inputs.domain ?? null,
    seed,
    contradictions: conflicts.map(({ position, proof, found: { method, epsilon, record } }) => ({
      index: chunk.indices[position]!,
      label: chunk.labels[position]!,
      input: floats(chunk.images.subarray(position * size, (position + 1) * size)),
      ...(chunk.box && {
        box: {
          lower: floats(chunk.box.lower.subarray(position * size, (position + 1) * size) as Float32Array),
          upper: floats(chunk.box.upper.subarray(position * size, (position + 1) * size) as Float32Array),
        },
      }),
      proof,
      attack: {
        method,
        epsilon,
        distance: record.distance,
        margin: record.margin,
        predicted: record.predicted,
        witness: floats(record.witness),
      },
    })),
  };
}
