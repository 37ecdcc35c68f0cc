/** @file What a thread of Node provides to jobs. ONNX Runtime is loaded when a job first asks for a runtime. */

import type { Blobs, Host } from "./jobs.ts";
import { cpuRuntime, createRuntime } from "./node.ts";
import { threadSeconds } from "./node-cpu-time.ts";
import { nodeDigest } from "./node-digest.ts";
import { importModule } from "./node-module.ts";
import type { Device, Runtime } from "./session.ts";

const runtimes = new Map<Device, Runtime>();

function runtime(device: Device): Runtime {
  const known = runtimes.get(device) ?? (device === "cpu" ? cpuRuntime() : createRuntime({ device }));
  runtimes.set(device, known);
  return known;
}

export const nodeHost = (blobs: Blobs): Host => ({
  blobs,
  digest: nodeDigest,
  runtime,
  seconds: threadSeconds,
  module: importModule,
});
