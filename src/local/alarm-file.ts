/** @file The evidence of a soundness alarm, saved before the run ends. */

import { resolve } from "node:path";
import { UserError } from "../graph/fault.ts";
import { SoundnessAlarm } from "../studies/alarm.ts";
import { writeWhole } from "./output.ts";

/** Saves both pieces of evidence in the current folder. @returns what to throw instead: it names the file */
export function saveAlarm(alarm: SoundnessAlarm): UserError {
  const file = resolve(`assay-soundness-alarm-${alarm.evidence.model.sha256.slice(0, 12)}.json`);
  writeWhole(file, `${JSON.stringify(alarm.evidence, null, 1)}\n`);
  const message = `${alarm.message}; both pieces of evidence are in ${file}; please report it`;
  return new UserError("stopped", message, { cause: alarm });
}

/** Runs a study; an alarm's evidence is saved. @throws UserError instead of the alarm */
export async function savingAlarms<T>(study: () => Promise<T>): Promise<T> {
  try {
    return await study();
  } catch (error) {
    throw error instanceof SoundnessAlarm ? saveAlarm(error) : error;
  }
}
