/** @file Options that several verbs share. */

import type { OptionKey } from "../options.ts";

export const MODEL = ["output", "input", "bind"] as const satisfies readonly OptionKey[];
export const DATA = ["data", "labels", "limit", "sample"] as const satisfies readonly OptionKey[];
export const READING = [
  "labelColumn",
  "firstLabel",
  "dataRange",
  "channels",
  "resize",
  "crop",
  "rowOrder",
] as const satisfies readonly OptionKey[];
export const UNITS = ["epsilonUnit", "featureEpsilon", "fixed"] as const satisfies readonly OptionKey[];
export const RUN = ["seed", "timeout", "jobs", "memory", "device", "resume"] as const satisfies readonly OptionKey[];
export const CONTRACT = [
  "preprocessing",
  "mean",
  "std",
  "range",
  "layout",
  "channelOrder",
  "classOrder",
  "force",
] as const satisfies readonly OptionKey[];
export const OUTPUT = ["json", "out", "config"] as const satisfies readonly OptionKey[];
