/**
 * @file ONNX Runtime in Node. The one place that loads `onnxruntime-node`, and only when a first session is made.
 */

import { nodeDigest } from "./node-digest.ts";
import { inNative } from "./node-guard.ts";
import { switchOffTelemetry } from "./node-telemetry.ts";
import { type Build, type Ort, openModel as openWith, type RuntimeOptions, runtimeOf } from "./onnx-runtime.ts";
import type { Compile, OpenOptions, Runtime, Session } from "./session.ts";

let loading: Promise<Ort> | undefined;

const build: Build = {
  load() {
    switchOffTelemetry();
    loading ??= inNative(() => import("onnxruntime-node")).then((ort) => {
      ort.env.logLevel = "fatal"; // failures are thrown as well; warnings would land in the middle of our stderr
      return ort;
    });
    return loading;
  },
  cpu: "cpu",
  digest: nodeDigest,
  call: inNative,
};

export type NodeRuntimeOptions = RuntimeOptions;

/** @param options by default what cannot be done as asked is said on stderr */
export const createRuntime = (options: NodeRuntimeOptions = {}): Runtime =>
  runtimeOf(build, { warn: (line) => process.stderr.write(`${line}\n`), ...options });

/** `Runtime.openModel`; needs no runtime, since a model file is opened once and not cached. */
export const openModel = (bytes: Uint8Array, options?: OpenOptions): Promise<Session> =>
  openWith(build, bytes, options);

let shared: Runtime | undefined;

/** The process's own runtime on the CPU: what workers and short programs use. */
export function cpuRuntime(): Runtime {
  shared ??= createRuntime();
  return shared;
}

export const compile: Compile = (graph, options) => cpuRuntime().compile(graph, options);
