/** @file Closer looks at one class as jobs: inputs that noise sends there, and the trigger that leads there. */

import {
  type Dose,
  type NoisyInputs,
  noisyInputs,
  type TriggerLook,
  triggerLook,
} from "../methods/audit/closer-look.ts";
import type { Timed } from "../methods/audit/tampering.ts";
import { detectorRandom } from "../methods/backdoor/material.ts";
import type { CaseFacts } from "../methods/backdoor/types.ts";
import { type Chunk, UNANSWERED_WORDS } from "../methods/examine.ts";
import { threadSeconds } from "../runtime/node-cpu-time.ts";
import { materialFor, type PartResult, plainFacts } from "./backdoor-jobs.ts";
import type { Ending, Engine, Limits, WholeTask } from "./engine.ts";
import { answering, type JobInput } from "./job-functions.ts";

interface LookSettings {
  readonly facts: CaseFacts;
  readonly seed: number;
  readonly look: { readonly kind: "noise"; readonly dose: Dose } | { readonly kind: "trigger"; readonly label: number };
}

export const lookJob = answering(async (input: JobInput<LookSettings>) => {
  const { facts, seed, look } = input.settings;
  const noise = look.kind === "noise";
  // the numbers of the detector whose work is looked at
  const material = await materialFor(input, facts, detectorRandom(seed, noise ? "titration" : "neural-cleanse"));
  const began = threadSeconds();
  const record = noise ? await noisyInputs(material, look.dose) : await triggerLook(material, look.label);
  return [{ record, seconds: threadSeconds() - began } satisfies PartResult];
});

export interface Looks {
  readonly noisy: Timed<NoisyInputs> | null;
  readonly trigger: Timed<TriggerLook> | null;
  /** Why a look was not possible. */
  readonly refused: readonly string[];
}

const lostReason = (ending: Exclude<Ending<unknown>, { readonly kind: "done" }>): string =>
  ending.kind === "refused"
    ? ending.reason
    : `a closer look at one class was not made: ${UNANSWERED_WORDS[ending.reason]}`;

/** @param dose undefined where noise sends no input to the class @throws CliError */
export async function lookAt(
  engine: Pick<Engine, "all">,
  label: number,
  dose: Dose | undefined,
  { facts, inputs, seed }: { readonly facts: CaseFacts; readonly inputs: Chunk; readonly seed: number },
  limits: Limits = {},
): Promise<Looks> {
  const shared = { facts: plainFacts(facts), seed };
  const task = (look: LookSettings["look"]): WholeTask => ({
    kind: "look",
    method: { id: look.kind, version: 1 },
    settings: { ...shared, look },
    inputs,
  });
  const tasks = [task({ kind: "trigger", label }), ...(dose ? [task({ kind: "noise", dose })] : [])];
  const [trigger, noisy] = await engine.all<PartResult>("looking closer at one class", tasks, limits);
  const found = <T>(ending: Ending<PartResult> | undefined): Timed<T> | null => {
    if (ending?.kind !== "done") return null;
    const { record, seconds } = ending.records[0]!;
    return { ...(record as unknown as T), took: seconds };
  };
  return {
    trigger: found<TriggerLook>(trigger),
    noisy: found<NoisyInputs>(noisy),
    refused: [trigger, noisy].flatMap((ending) =>
      ending === undefined || ending.kind === "done" ? [] : [lostReason(ending)],
    ),
  };
}
