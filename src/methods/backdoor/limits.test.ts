/** @file Limits that are stated decide in place of the standard ones, and stand in the settings and the sentence. */

import { expect, test } from "vitest";
import type { PlainRecord } from "../../runtime/jobs.ts";
import type { Setting } from "../options.ts";
import { activationClustering } from "./activation-clustering.ts";
import { clp } from "./clp.ts";
import { mmBd } from "./mm-bd.ts";
import { spectralSignatures } from "./spectral-signatures.ts";
import type { CaseFacts, Detection, Detector } from "./types.ts";

const facts: CaseFacts = { classes: 6, inputShape: [1, 2, 2], geometry: undefined, domain: [0, 1] };

const margins = [4, 5, 4.5, 5.5, 4.2, 9].map((margin, label) => ({
  label,
  margin,
  steps: 1,
  image: new Float32Array(4),
}));
const none = new Int32Array(0);

/** A record of each; one limit on either side of what it shows, the standard one on the side of `false`. */
const cases: readonly {
  readonly detector: Detector;
  readonly records: readonly PlainRecord[];
  readonly stated: Readonly<Record<string, Setting>>;
  readonly says: (detection: Detection) => unknown;
}[] = [
  {
    detector: clp,
    // 1 among nine 0: z = 0.9 / 0.3 = 3 by the population's deviation, 0.9 / 0.316 = 2.85 by the sample's
    records: [{ layers: [{ name: "conv", op: "Conv", constants: [1, 0, 0, 0, 0, 0, 0, 0, 0, 0] }] }],
    stated: { outlierLimit: 2.5 },
    says: ({ evidence }) => (evidence["outliers"] as readonly unknown[]).length > 0,
  },
  { detector: mmBd, records: [{ margins }], stated: { level: 1 }, says: ({ flagged }) => flagged },
  {
    detector: spectralSignatures,
    records: [1.2, 1].map((variance, label) => ({ label, images: 100, variance, removed: none })),
    stated: { outlying: 1.1 },
    says: ({ flagged }) => flagged,
  },
  {
    detector: activationClustering,
    records: [{ label: 0, images: 100, share: 0.4, silhouette: 0.5, smaller: none }],
    stated: { smallCluster: 0.45 },
    says: ({ flagged }) => flagged,
  },
];

test.for(cases)("$detector.id by a limit that is stated", ({ detector, records, stated, says }) => {
  const own = detector.with(stated);
  expect(says(own.conclude(records, facts))).toBe(true);
  expect(own.conclude(records, facts).reason).toContain(`${Object.values(stated)[0]}`.replace("0.45", "45 %"));
  expect(own.settings).toMatchObject(stated);
  expect(own.isStandard).toBe(false);
});

test("by the standard ones, none of them is found", () => {
  const standard = cases.filter(({ detector }) => detector !== mmBd);
  expect(standard.map(({ detector, records, says }) => says(detector.conclude(records, facts)))).toEqual(
    standard.map(() => false),
  );
});
