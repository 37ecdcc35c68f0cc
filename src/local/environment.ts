/** @file What results say of this machine. */

import { availableParallelism } from "node:os";
import { runtimeVersion } from "../runtime/node-version.ts";
import { TOOL, VERSION } from "./version.ts";

/** Versions and platform, by name. */
export const environment = (): Readonly<Record<string, string>> => ({
  [TOOL]: VERSION,
  node: process.version,
  onnxruntime: runtimeVersion(),
  platform: `${process.platform} ${process.arch}`,
  cores: `${availableParallelism()}`,
});
