/** @file Closer looks at one class: inputs that noise sends there, and the trigger that leads there. */

import type { NoiseLevel, NoisyInputs, TriggerExhibit } from "../../methods/audit/exhibits.ts";
import type { Timed } from "../../methods/audit/tampering.ts";
import type { CaseFacts } from "../../methods/backdoor/types.ts";
import { type Chunk, UNANSWERED_WORDS } from "../../methods/records.ts";
import type { Ending, Engine, Limits, WholeTask } from "../engine.ts";
import type { ExhibitSettings, PartResult } from "../jobs/detect.ts";
import { exhibit } from "../jobs/kinds.ts";

export interface Exhibits {
  readonly noisy: Timed<NoisyInputs> | null;
  readonly trigger: Timed<TriggerExhibit> | null;
  /** Why a look was not possible. */
  readonly refused: readonly string[];
}

const lostReason = (ending: Exclude<Ending<unknown>, { readonly kind: "done" }>): string =>
  ending.kind === "refused"
    ? ending.reason
    : `a closer look at one class was not made: ${UNANSWERED_WORDS[ending.reason]}`;

/** @param level undefined where noise sends no input to the class @throws UserError */
export async function exhibitsOf(
  engine: Pick<Engine, "all">,
  label: number,
  level: NoiseLevel | undefined,
  { facts, inputs, seed }: { readonly facts: CaseFacts; readonly inputs: Chunk; readonly seed: number },
  limits: Limits = {},
): Promise<Exhibits> {
  const task = (own: ExhibitSettings["exhibit"]): WholeTask<ExhibitSettings, PartResult> => ({
    job: exhibit,
    method: { id: own.kind, version: 1 },
    settings: { facts, seed, exhibit: own },
    inputs,
  });
  const tasks = [task({ kind: "trigger", label }), ...(level ? [task({ kind: "noise", level })] : [])];
  const [trigger, noisy] = await engine.all("looking closer at one class", tasks, limits);
  const found = <T>(ending: Ending<PartResult> | undefined): Timed<T> | null => {
    if (ending?.kind !== "done") return null;
    const { record, seconds } = ending.records[0]!;
    return { ...(record as unknown as T), took: seconds };
  };
  return {
    trigger: found<TriggerExhibit>(trigger),
    noisy: found<NoisyInputs>(noisy),
    refused: [trigger, noisy].flatMap((ending) =>
      ending === undefined || ending.kind === "done" ? [] : [lostReason(ending)],
    ),
  };
}
