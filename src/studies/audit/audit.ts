/** @file An audit: what it measures by default, and the measuring. What follows from it is said by the report. */

import { isBlueFirst } from "../../data/pictures.ts";
import { usage } from "../../graph/fault.ts";
import { attackFamily, standardAttack } from "../../methods/attack/index.ts";
import type { Attack } from "../../methods/attack/types.ts";
import type { RobustnessPlan } from "../../methods/audit/measure.ts";
import { backdoorFamily, standardDetectors } from "../../methods/backdoor/index.ts";
import type { Detector } from "../../methods/backdoor/types.ts";
import { checkMethods, isListed } from "../../methods/family.ts";
import { moduleText } from "../../methods/method.ts";
import { withShared } from "../../methods/options.ts";
import { type Geometry, geometryOf } from "../../methods/picture.ts";
import { auditVerifiers, verifyFamily } from "../../methods/verify/index.ts";
import type { Verifier } from "../../methods/verify/types.ts";
import type { Arithmetic, Norm } from "../../spec/types.ts";
import { checkDetectors } from "../backdoor/detectors.ts";
import type { Examination } from "../examination.ts";
import { type Inputs, threatOf } from "../inputs.ts";
import type { SearchPlan } from "./backdoor.ts";
import { budgetOf } from "./budget.ts";
import { PROFILES } from "./gate.ts";
import { type Measured, measureAudit } from "./steps.ts";

/** Seconds on two cores. */
const DEFAULT_BUDGET = 180;

/**
 * The first is the one the gate is about. Grey pictures are taken to be as simple as digits; features of tables move by a
 * part of their spread.
 */
const DEFAULT_EPSILONS: Readonly<
  Record<"grey" | "other" | "spread" | "feature", Readonly<Record<Norm, readonly number[]>>>
> = {
  grey: { linf: [0.1, 0.02, 0.05, 0.2], l2: [1, 0.25, 0.5, 2], l1: [5, 1, 2, 10] },
  other: { linf: [8 / 255, 1 / 255, 2 / 255, 4 / 255], l2: [0.5, 0.1, 0.25, 1], l1: [5, 1, 2, 10] },
  spread: { linf: [0.1, 0.02, 0.05, 0.2], l2: [0.2, 0.05, 0.1, 0.5], l1: [0.2, 0.05, 0.1, 0.5] },
  feature: { linf: [1, 0.25, 0.5, 2], l2: [1, 0.25, 0.5, 2], l1: [1, 0.25, 0.5, 2] },
};

/** @throws UserError (usage) for values in units that nothing is known of */
function defaultEpsilons({ unit: { kind }, dataset }: Inputs, norm: Norm): readonly number[] {
  if (kind === "pixels") return DEFAULT_EPSILONS[dataset.shape[0] === 1 ? "grey" : "other"][norm];
  if (kind === "raw") throw usage("say with --epsilon how large a change may be, in the data's own units");
  return DEFAULT_EPSILONS[kind === "feature" ? "feature" : "spread"][norm];
}

export interface AuditRequest {
  readonly norm?: Norm | undefined;
  /** In the unit of the inputs; the first is the one that the gate is about. By default what is usual for such inputs. */
  readonly epsilons?: readonly number[] | undefined;
  /** In the order in which they are tried on what still stands. */
  readonly attacks?: readonly Attack[] | undefined;
  readonly restarts?: number | undefined;
  readonly steps?: number | undefined;
  /** The fast ones first. */
  readonly verifiers?: readonly Verifier[] | undefined;
  /** By default those that take seconds. The verdict needs those of them that play a part in it (`role`). */
  readonly detectors?: readonly Detector[] | undefined;
  readonly arithmetic?: Arithmetic | undefined;
  /** Seconds that it may take, shared out among its steps; default 180. Infinite: no limit. */
  readonly budget?: number | undefined;
  /** On the place's clock, in milliseconds: when the time began to count. By default now. */
  readonly began?: number | undefined;
  readonly search: SearchPlan;
  /** The share of inputs that the gate asks to stand: what cannot change whether they do is left out. By default the default gate's. */
  readonly least?: number | undefined;
  /** When it fires, what was examined until then is the result. */
  readonly signal?: AbortSignal | undefined;
}

/** What was measured, and of what. */
export interface Audited extends Measured {
  readonly examination: Examination;
  readonly norm: Norm;
  /** The first is the one that the gate is about. */
  readonly epsilons: readonly number[];
  readonly arithmetic: Arithmetic;
  /** Undefined where the inputs are not pictures. */
  readonly geometry: Geometry | undefined;
  readonly budget: number;
  /** Milliseconds on the place's clock. */
  readonly began: number;
  /** Titles of methods that the calling program defines, with the module where they come from one. */
  readonly own: readonly string[];
}

/** @throws UserError: nothing right to attack, units without a default epsilon; SoundnessAlarm */
export async function audit(examination: Examination, request: AuditRequest): Promise<Audited> {
  const { inputs, correct, place } = examination;
  const { norm = "linf", arithmetic = "float32", budget = DEFAULT_BUDGET, began = place.now() } = request;
  if (correct.length === 0) throw usage("the model gets no input right: there is nothing to attack or to prove");
  const { verifiers = auditVerifiers, detectors = standardDetectors() } = request;
  const attacks = attacksOf(request);
  const own = await ownOf(attacks, verifiers, detectors);
  const { dataset, contract } = inputs;
  const geometry = inputs.domain && geometryOf(dataset.shape, contract.contract.layout, isBlueFirst(dataset));
  const epsilons = request.epsilons ?? defaultEpsilons(inputs, norm);
  const robustness: RobustnessPlan = {
    epsilons: [...new Set(epsilons)],
    asked: { least: request.least ?? PROFILES.default.robust, inputs: examination.chunk.labels.length },
    classes: examination.network.classes,
    ...epsilons.map((epsilon) => threatOf(inputs, norm, epsilon))[0]!,
    attacks,
    verifiers,
    arithmetic,
  };
  const seconds = () => place.now() / 1000;
  const { search, signal } = request;
  const plan = {
    robustness,
    geometry,
    budget: budgetOf(budget, began / 1000, seconds),
    search: { ...search, detectors },
  };
  const measured = await measureAudit(examination, plan, signal);
  return { ...measured, examination, norm, epsilons, arithmetic, geometry, budget, began, own };
}

/** As audits run them, but for what was stated. @throws UserError (usage) */
function attacksOf({ attacks = [standardAttack], restarts, steps }: AuditRequest): readonly Attack[] {
  const stated = withShared(attacks, { restarts: restarts || undefined, steps: steps || undefined });
  return stated.map((attack) => attack.with({ ...attack.inAudits, ...attack.stated }));
}

/** Titles of those that are not listed. @throws UserError (usage) */
async function ownOf(
  attacks: readonly Attack[],
  verifiers: readonly Verifier[],
  detectors: readonly Detector[],
): Promise<readonly string[]> {
  await checkMethods(attackFamily, attacks);
  await checkMethods(verifyFamily, verifiers);
  await checkDetectors(detectors);
  // one table of the report holds them all
  await checkMethods({ noun: "method", methods: [] }, [...attacks, ...verifiers, ...detectors]);
  return [
    ...attacks.filter((attack) => !isListed(attackFamily, attack)),
    ...verifiers.filter((verifier) => !isListed(verifyFamily, verifier)),
    ...detectors.filter((detector) => !isListed(backdoorFamily, detector)),
  ].map(({ title, module }) => (module ? `${title} (${moduleText(module)})` : title));
}
