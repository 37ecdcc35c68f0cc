/** @file Closer looks at one class: inputs that noise sends there, and the trigger that leads there. */

import type { Dose, NoisyInputs, TriggerLook } from "../../methods/audit/closer-look.ts";
import type { Timed } from "../../methods/audit/tampering.ts";
import type { CaseFacts } from "../../methods/backdoor/types.ts";
import { type Chunk, UNANSWERED_WORDS } from "../../methods/records.ts";
import type { Ending, Engine, Limits, WholeTask } from "../engine.ts";
import type { LookSettings, PartResult } from "../jobs/detect.ts";
import { look } from "../jobs/kinds.ts";

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

/** @param dose undefined where noise sends no input to the class @throws UserError */
export async function lookAt(
  engine: Pick<Engine, "all">,
  label: number,
  dose: Dose | undefined,
  { facts, inputs, seed }: { readonly facts: CaseFacts; readonly inputs: Chunk; readonly seed: number },
  limits: Limits = {},
): Promise<Looks> {
  const task = (own: LookSettings["look"]): WholeTask<LookSettings, PartResult> => ({
    job: look,
    method: { id: own.kind, version: 1 },
    settings: { facts, seed, look: own },
    inputs,
  });
  const tasks = [task({ kind: "trigger", label }), ...(dose ? [task({ kind: "noise", dose })] : [])];
  const [trigger, noisy] = await engine.all("looking closer at one class", tasks, limits);
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
