import { expect, test } from "vitest";
import { detectorUse } from "../../methods/population/config.ts";
import { findDetectors, ownSettings } from "./scan.ts";

const found = (...uses: readonly unknown[]) => findDetectors(uses.map((use) => detectorUse.parse(use)));

test("a recipe names detectors with settings, in either form; what is not said stays standard", async () => {
  const [titration, mmBd, strip] = await found(
    "titration:sigmas=0 0.4 1",
    { id: "mm-bd:steps=20,level=0.01", perGroup: 3 },
    "strip",
  );
  expect(titration!.detector.settings).toMatchObject({ sigmas: "0 0.4 1" });
  expect(ownSettings(titration!.detector)).toEqual({ settings: { sigmas: "0 0.4 1" } });
  expect(mmBd!.use).toMatchObject({ id: "mm-bd", perGroup: 3, clean: 3 });
  expect(ownSettings(mmBd!.detector)).toEqual({ settings: { steps: 20, level: 0.01 } });
  // files and keys of standard scans name no settings
  expect(ownSettings(strip!.detector)).toEqual({});
  const [standard] = await found("mm-bd:steps=300");
  expect(ownSettings(standard!.detector)).toEqual({});
});

test("what is no detector, no setting, out of bounds or named twice is refused in one line", async () => {
  await expect(found("titraton:sigmas=0 1")).rejects.toThrow(/no detector "titraton"; .*titration/);
  await expect(found("mm-bd:step=3")).rejects.toThrow(/mm-bd has no option "step"/);
  await expect(found("mm-bd:steps=0")).rejects.toThrow(/mm-bd: steps=/);
  await expect(found("mm-bd", "mm-bd:steps=3")).rejects.toThrow(/mm-bd is named twice/);
  expect(() => detectorUse.parse("mm-bd,clp")).toThrow(/ID:SETTING=VALUE/);
});
