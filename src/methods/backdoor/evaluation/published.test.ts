import { expect, test } from "vitest";
import { poisonSchema } from "../../poison/config.ts";
import { deviationsOf } from "./published.ts";

const keysOf = (raw: object) => deviationsOf(poisonSchema.parse(raw)).map(({ key, used }) => [key, used]);

test("settings that are not as published are told, those that are left alone are not", () => {
  expect(keysOf({ kind: "wanet", rate: 0.1 })).toEqual([]);
  expect(keysOf({ kind: "wanet", rate: 0.1, strength: 4, cross: 0 })).toEqual([
    ["strength", 4],
    ["cross", 0],
  ]);
  expect(keysOf({ kind: "sig", rate: 0.6 })).toEqual([]);
  expect(keysOf({ kind: "sig", rate: 0.9, amplitude: 0.3 })).toEqual([
    ["amplitude", 0.3],
    ["rate", 0.9],
  ]);
  expect(keysOf({ kind: "label-consistent", rate: 0.6 })).toEqual([["rate", 0.6]]);
  expect(keysOf({ kind: "patch", rate: 0.01, size: 4 })).toEqual([]);
  expect(deviationsOf(null)).toEqual([]);
});
