/** @file Detectors compared on the same models: rates with intervals, times, and a verdict on each claim. */

import { rng } from "../../../random/rng.ts";
import type { Interval } from "../../../stats/roc.ts";
import { type PairedStratum, stratifiedDifference } from "../../../stats/stratified-auc.ts";
import type { Member, Population } from "../../population/types.ts";
import { detectorFor } from "../index.ts";
import { groupedBy, isClean, rowOf, settingOf, spreadOf } from "./rows.ts";
import type { BackdoorEvaluation, Examined, Outcome, Row, Scope, Summary, TimeRatio, Verdict } from "./types.ts";
import { judgeSensitivity, judgeSpeed, judgeTarget } from "./verdicts.ts";

export interface EvaluationOptions {
  /** The detector whose paper's claims are judged. */
  readonly subject?: string;
  /** The detector that it is compared with in speed and accuracy. */
  readonly rival?: string;
  readonly confidence?: number;
  /** False alarms allowed at the calibrated threshold. */
  readonly level?: number;
  readonly seed?: number;
}

/** The kind of trigger: a poisoning that differs only in rate or target is of the same family. */
export function familyOf(poison: Member["poison"]): string | null {
  if (!poison) return null;
  const { kind, mapping, source } = poison;
  return `${kind}${mapping === "all-to-all" ? ", all to all" : ""}${source === undefined ? "" : ", one source"}`;
}

/**
 * The members of a population as models to judge.
 * @param outcomesOf by detector; default: the member's scans, without calibrated p-values
 */
export function examinedOf(
  { task, members }: Population,
  outcomesOf: (member: Member) => Readonly<Record<string, Outcome>> = uncalibrated,
): Examined[] {
  return members.map((member) => ({
    id: member.id,
    architecture: task.architectureName,
    dataset: task.data.name,
    classes: task.classes,
    group: member.group,
    family: familyOf(member.poison),
    target: member.target,
    accepted: member.accepted,
    outcomes: outcomesOf(member),
  }));
}

const uncalibrated = ({ scans }: Member): Record<string, Outcome> =>
  Object.fromEntries(
    Object.entries(scans).map(([detector, { score, flagged, target, seconds }]) => [
      detector,
      { score, flagged, target, seconds, pValue: null },
    ]),
  );

/** Detectors on models that set no threshold. */
export function evaluateDetectors(
  models: readonly Examined[],
  {
    subject = detectorFor("noise").id,
    rival = detectorFor("trigger").id,
    confidence = 0.95,
    level = 0.05,
    seed = 0,
  }: EvaluationOptions = {},
): BackdoorEvaluation {
  const detectors = [...new Set(models.flatMap(({ outcomes }) => Object.keys(outcomes)))];
  const random = rng(seed).split("evaluation");
  const row = (scope: Scope, chosen: readonly Examined[]): Row =>
    rowOf(chosen, scope, { confidence, level, random: random.split(JSON.stringify(Object.values(scope))) });
  const rows = detectors.flatMap((detector) => rowsOf(detector, models, row));
  const accepted = models.filter((model) => isClean(model) || model.accepted);
  const timeRatios = detectors
    .filter((other) => other !== subject)
    .flatMap((other) => timeRatio(accepted, other, subject) ?? []);
  const differences = familiesOf(accepted).flatMap((family) =>
    detectors
      .filter((other) => other !== subject)
      .flatMap((other) => {
        const key = random.split("difference").split(family).split(other);
        const strata = pairedStrata(withFamily(accepted, family), subject, other);
        const difference = stratifiedDifference(strata, { random: key, confidence });
        return difference ? [{ family, rival: other, difference }] : [];
      }),
  );
  const summary = summaryOf(accepted, (dataset, targets, chosen) => {
    const scope: Scope = { ...ALL, detector: subject, dataset };
    const key = random.split("summary").split(JSON.stringify([dataset, targets]));
    return rowOf(chosen, scope, { confidence, level, random: key });
  });
  const verdicts = familiesOf(accepted).flatMap((family): Verdict[] => {
    const own = rows.find((r) => r.detector === subject && isFamilyRow(r) && r.family === family);
    if (!own) return [];
    const ratio = timeRatio(withFamily(accepted, family), rival, subject);
    const difference: Interval | undefined = differences.find(
      (d) => d.family === family && d.rival === rival,
    )?.difference;
    return [judgeSensitivity(family, own), judgeTarget(family, own), judgeSpeed(family, ratio, difference)];
  });
  return { confidence, level, seed, subject, rows, summary, timeRatios, differences, verdicts };
}

const familiesOf = (models: readonly Examined[]): string[] => [
  ...new Set(models.flatMap(({ family }) => family ?? [])),
];

/** Over all architectures and data sets. */
const isFamilyRow = ({ group, architecture, dataset, stratum }: Scope): boolean =>
  group === null && architecture === null && dataset === null && stratum === "accepted";

/** Backdoored models of a family, and the clean models of the settings that they come from. */
function withFamily(models: readonly Examined[], family: string): Examined[] {
  const settings = new Set(models.filter((model) => model.family === family).map(settingOf));
  return models.filter((model) => model.family === family || (isClean(model) && settings.has(settingOf(model))));
}

const ALL: Omit<Scope, "detector"> = {
  group: null,
  family: null,
  architecture: null,
  dataset: null,
  stratum: "accepted",
};

/** @param models clean ones, and those whose backdoor works */
function summaryOf(
  models: readonly Examined[],
  row: (dataset: string | null, targets: Summary["targets"], chosen: readonly Examined[]) => Row,
): Summary[] {
  const datasets = [null, ...new Set(models.map(({ dataset }) => dataset))];
  const leads = (targets: Summary["targets"]) => (model: Examined) =>
    isClean(model) || targets === "any" || model.target !== null;
  return datasets.flatMap((dataset) =>
    (["any", "single"] as const).map((targets) => {
      const chosen = models.filter(leads(targets)).filter((model) => dataset === null || model.dataset === dataset);
      return { dataset, targets, row: row(dataset, targets, chosen) };
    }),
  );
}

/** From the finest to the coarsest: groups, all groups of a setting, families, everything; then the rejected groups. */
function rowsOf(
  detector: string,
  models: readonly Examined[],
  row: (scope: Scope, chosen: readonly Examined[]) => Row,
): Row[] {
  const all: Scope = { ...ALL, detector };
  const settings = [...groupedBy(models, settingOf).values()];
  const groupRows = (stratum: Scope["stratum"]): Row[] =>
    settings.flatMap((setting) => {
      const clean = setting.filter(isClean);
      const chosen = setting.filter((model) => !isClean(model) && model.accepted === (stratum === "accepted"));
      const { architecture, dataset } = setting[0]!;
      const place = { ...all, architecture, dataset, stratum };
      const groups = [...groupedBy(chosen, ({ group }) => group)].map(([group, members]) =>
        row({ ...place, group, family: members[0]!.family }, [...clean, ...members]),
      );
      return stratum === "accepted" ? [...groups, row(place, [...clean, ...chosen])] : groups;
    });
  const accepted = models.filter((model) => isClean(model) || model.accepted);
  return [
    ...groupRows("accepted"),
    ...familiesOf(accepted).map((family) => row({ ...all, family }, withFamily(accepted, family))),
    row(all, accepted),
    ...groupRows("rejected"),
  ];
}

/** Of models that both examined. */
function timeRatio(models: readonly Examined[], rival: string, subject: string): TimeRatio | undefined {
  const ratios = models.flatMap(({ outcomes }) => {
    const [slow, fast] = [outcomes[rival], outcomes[subject]];
    return slow && fast && fast.seconds > 0 ? [slow.seconds / fast.seconds] : [];
  });
  const spread = spreadOf(ratios);
  return spread ? { rival, subject, ...spread } : undefined;
}

/** Scores of the models that both methods scored. */
function pairedStrata(models: readonly Examined[], first: string, second: string): PairedStratum[] {
  const both = models.filter(
    ({ outcomes }) => typeof outcomes[first]?.score === "number" && typeof outcomes[second]?.score === "number",
  );
  return [...groupedBy(both, settingOf).values()].map((setting) => {
    const scores = (detector: string, clean: boolean) =>
      setting.filter((model) => isClean(model) === clean).map(({ outcomes }) => outcomes[detector]!.score!);
    return {
      first: [scores(first, false), scores(first, true)],
      second: [scores(second, false), scores(second, true)],
    };
  });
}
