/** @file A model file audited with data on this machine. Apart from `open.ts`: other verbs start without what an audit needs. */

import { standardAttack } from "../methods/attack/index.ts";
import { standardDetectors } from "../methods/backdoor/index.ts";
import { besideOwn } from "../methods/family.ts";
import { auditVerifiers } from "../methods/verify/index.ts";
import { type Audited, type AuditRequest, audit } from "../studies/audit/audit.ts";
import type { SearchPlan } from "../studies/audit/backdoor.ts";
import type { Examination } from "../studies/examination.ts";
import { type InputOptions, loadInputs } from "./inputs.ts";
import { type ExamineFileOptions, examineFile } from "./open.ts";
import { loadMethods } from "./plugins.ts";
import { bundledReferences, readReference } from "./reference.ts";

export type AuditFileOptions = Omit<ExamineFileOptions, "check" | "judgesOneClass"> &
  Omit<AuditRequest, "search" | "began" | "signal"> & {
    /** Clean models that scores are compared with: a population's file. By default a bundled one that fits. */
    readonly reference?: string | undefined;
    /** Modules whose methods take part beside those that are stated, or run by default. */
    readonly plugins?: readonly string[] | undefined;
  };

/** Other inputs of the same data, in the same units. */
export const drawerOf =
  ({ model, inputs }: Pick<Examination, "model" | "inputs">, terms: InputOptions): SearchPlan["draw"] =>
  ({ images, seed }) =>
    loadInputs(model, { ...terms, sample: images, seed, like: inputs, found: inputs.found });

/**
 * Reads a model file and data, and audits the model, as the command line does; `reportOf` says what follows from it.
 *
 * @param path of an .onnx file
 * @throws what reading can throw, `examine` and `audit`
 */
export async function auditFile(path: string, options: AuditFileOptions): Promise<Audited> {
  const { seed = 0, stated = {}, reference, signal, plugins = [] } = options;
  const own = await loadMethods(plugins);
  const methods = {
    attacks: besideOwn(options.attacks, [standardAttack], own.attacks),
    verifiers: besideOwn(options.verifiers, auditVerifiers, own.verifiers),
    detectors: besideOwn(options.detectors, standardDetectors(), own.detectors),
  };
  const stands = reference === undefined ? undefined : readReference(reference);
  await using examination = await examineFile(path, { ...options, judgesOneClass: true });
  const draw = drawerOf(examination, { ...options, stated, seed });
  const search = { draw, seed: options.seed, reference: stands, bundled: bundledReferences };
  return await audit(examination, { ...options, ...methods, search, signal });
}
