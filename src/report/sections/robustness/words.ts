/** @file Robustness in words: the gate's condition, and the findings of attacks and bounds. */

import { epsilonText } from "../../../stats/epsilon-text.ts";
import { heldCount } from "../../../studies/audit/codes.ts";
import { measuredRate, percent, plural } from "../../format.ts";
import type { ReportPart } from "../contract.ts";

export const CONDITIONS = {
  robust({ least, norm, epsilon, arithmetic, bounded, attacked }) {
    const word =
      arithmetic === "real" ? "bounded in real arithmetic, which proves nothing of the network as it runs" : "proved";
    const below = bounded === null ? "nothing proved" : `${measuredRate(bounded)}, ${word}`;
    const above = attacked === null ? "not attacked" : `${measuredRate(attacked)}, not falsified by any attack`;
    return {
      sentence: `At least ${percent(least, 0)} stay correct within ${norm} ${epsilonText(epsilon)}`,
      measured: `between ${below}; and ${above}`,
    };
  },
} as const satisfies ReportPart["conditions"];

export const FINDINGS = {
  attack: ({ beyond, norm, epsilon, rate, counts: { falsified, correct } }) => ({
    id: "attack",
    title: beyond ? "Attacks falsify most right answers" : `Attacks falsify ${falsified} of ${correct} right answers`,
    sentence: `Within ${norm} ${epsilonText(epsilon)} the attacks turned ${plural(falsified, "right answer")} of ${correct} into wrong ones; each of these inputs was run again on the model file.`,
    figures: [{ label: "still right after every attack", rate }],
    section: "robustness",
  }),
  bound({ norm, epsilon, rate, counts, evidence }) {
    const proved = evidence === "proved";
    const { unknown, correct } = counts;
    const held = heldCount(counts);
    const set = `within ${norm} ${epsilonText(epsilon)}`;
    const word = proved ? "proved" : "bounded";
    const rest = `${unknown} of ${correct} are neither ${word} nor falsified.`;
    const claim = proved
      ? `Whatever an attacker knows, no change ${set} alters the answer for ${plural(held, "input")}`
      : `By bounds in real arithmetic no change ${set} alters the answer for ${plural(held, "input")}. They leave out rounding, so they prove nothing of the network as it runs`;
    return {
      id: proved ? "certified" : "bounded",
      title: proved
        ? `${percent(rate.estimate)} of the answers are proved to stay`
        : `${percent(rate.estimate)} of the answers are bounded (real arithmetic)`,
      sentence: `${held === 0 ? `For no input is it ${word} that changes ${set} leave the answer alone` : claim}; ${rest}`,
      figures: [{ label: proved ? "proved right" : "bounded in real arithmetic", rate }],
      section: "robustness",
    };
  },
} as const satisfies ReportPart["findings"];
