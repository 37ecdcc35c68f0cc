/** @file What an audit did not get to, and what went wrong on the way, in sentences. */

import type { Unexamined } from "../../methods/audit/types.ts";
import { epsilonText } from "../../stats/epsilon-text.ts";
import { plural, secondsText } from "../format.ts";
import type { Incident } from "../schema.ts";

/** An error of one method on some inputs. */
export interface Fault {
  readonly what: string;
  readonly inputs: number;
  readonly reason: "memory" | "internal-error";
  readonly message: string;
}

/** Errors that are told one by one. */
const MOST_FAULTS = 3;

/** @param budget seconds of the audit */
export function incidentsOf(left: readonly Unexamined[], faults: readonly Fault[], budget: number): Incident[] {
  return [
    ...faultIncident(
      faults.filter(({ reason }) => reason === "internal-error"),
      "bug",
    ),
    ...faultIncident(
      faults.filter(({ reason }) => reason === "memory"),
      "memory",
    ),
    ...leftIncident(
      left.filter(({ reason }) => reason === "time-budget"),
      {
        title: Number.isFinite(budget)
          ? `The time budget of ${budget % 60 === 0 ? plural(budget / 60, "minute") : secondsText(budget)} was used up`
          : "Time ran out",
        closing: "Which inputs these are depends on the speed of the machine; --budget gives it more time.",
      },
    ),
    ...leftIncident(
      left.filter(({ reason }) => reason === "interrupted"),
      {
        title: "The audit was interrupted",
        closing: "The same command with --resume goes on.",
      },
    ),
    ...leftIncident(
      left.filter(({ reason }) => reason === "timeout"),
      {
        title: "Single inputs took longer than the limit",
        closing: "--timeout gives them more time.",
      },
    ),
  ];
}

function faultIncident(faults: readonly Fault[], kind: "bug" | "memory"): Incident[] {
  if (faults.length === 0) return [];
  const told = faults.slice(0, MOST_FAULTS).map(({ what, message }) => `${what}: ${message.replace(/[.\s]+$/, "")}.`);
  const more = faults.length > MOST_FAULTS ? [`And ${plural(faults.length - MOST_FAULTS, "more time")}.`] : [];
  const closing = "What this concerns counts as unknown, never as proved or as met; everything else went on.";
  return [
    {
      kind,
      title: kind === "bug" ? "An internal error of this program" : "Not enough memory",
      sentence: [...told, ...more, closing, ...(kind === "bug" ? ["Please report it."] : [])].join(" "),
    },
  ];
}

function leftIncident(
  left: readonly Unexamined[],
  { title, closing }: { readonly title: string; readonly closing: string },
): Incident[] {
  if (left.length === 0) return [];
  const methods = new Map<string, string[]>();
  for (const own of left) {
    const where = own.epsilon === null ? "" : ` at ${epsilonText(own.epsilon)}`;
    const beyond =
      own.times === undefined ? "" : ` (one takes at least ${plural(own.times, "time")} the time there was)`;
    methods.set(own.title, [...(methods.get(own.title) ?? []), `${own.left} of ${own.of}${where}${beyond}`]);
  }
  const parts = [...methods].map(([name, counts]) => `${name}: ${counts.join(", ")}`);
  return [{ kind: "unfinished", title, sentence: `Not examined: ${parts.join("; ")}. ${closing}` }];
}
