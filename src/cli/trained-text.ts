import { secondsText } from "../report/format.ts";
import type { PopulationTerms } from "../studies/population/terms.ts";
import type { Progress } from "../studies/progress.ts";

/** Says of each member that was trained how it came out, and how long the others will take. */
export const tellingTrained =
  ({ say }: Progress): PopulationTerms["onTrained"] =>
  ({ label, record: { cleanAccuracy, attackSuccess, seconds }, finished, total, secondsLeft }) => {
    const share = (value: number) => `${(100 * value).toFixed(1)}%`;
    const success = attackSuccess === null ? "" : `, attack success ${share(attackSuccess)}`;
    const rest = finished === total ? "" : `; ${secondsText(secondsLeft)} left`;
    say(
      `${label} (${finished} of ${total}): accuracy ${share(cleanAccuracy)}${success}, ${secondsText(seconds)}${rest}`,
    );
  };
