/** @file The curves of the models that are judged, for the plots beside an evaluation's page. */

import { familyOf } from "../../methods/backdoor/evaluation/evaluate.ts";
import { TITRATION } from "../../methods/backdoor/evaluation/outcomes.ts";
import { readDigest, type TitrationDigest } from "../../methods/backdoor/titration/digest.ts";
import type { Member, Population } from "../../methods/population/types.ts";
import type { CurvePanel, FamilyCurves, TaskRun } from "./types.ts";

interface CurveKind {
  readonly title: string;
  readonly mode: string;
  readonly curve: "joint" | "modalShare";
}

const CURVES: readonly CurveKind[] = [
  { title: "high-confidence errors, clipped", mode: "real-gaussian-clipped", curve: "joint" },
  { title: "high-confidence errors, unclipped", mode: "real-gaussian-unclipped", curve: "joint" },
  { title: "most frequent answer, noise alone", mode: "noise-gaussian-clipped", curve: "modalShare" },
];

/** The curves of the models that are judged, for each kind of trigger that works on some of them. */
export function curvesOf(runs: readonly TaskRun[]): FamilyCurves[] {
  const members = runs.flatMap(({ evaluation }) => evaluation.members);
  const families = new Set(members.filter(({ accepted }) => accepted).flatMap(({ poison }) => familyOf(poison) ?? []));
  return [...families].map((family) => ({
    family,
    panels: runs.flatMap(({ task, evaluation }) =>
      CURVES.flatMap((kind) =>
        panelOf(`${task.dataset} ${evaluation.task.architectureName}`, kind, evaluation, family),
      ),
    ),
  }));
}

function panelOf(
  task: string,
  { title, mode, curve }: CurveKind,
  { members }: Population,
  family: string,
): CurvePanel[] {
  const digests = (chosen: readonly Member[]): TitrationDigest[] =>
    chosen.flatMap(({ scans }) => readDigest(scans[TITRATION]?.evidence) ?? []);
  const values = (chosen: readonly Member[]) =>
    digests(chosen).flatMap((digest) => [digest[curve][mode] ?? []].filter(({ length }) => length > 0));
  const own = members.filter(({ poison, accepted }) => accepted && familyOf(poison) === family);
  const [backdoored, clean] = [values(own), values(members.filter(({ group }) => group === "clean"))];
  const grid = digests(own)[0]?.grid[mode];
  return grid && backdoored.length > 0 ? [{ task, mode: title, grid, clean, backdoored }] : [];
}
