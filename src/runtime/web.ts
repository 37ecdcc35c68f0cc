/** @file ONNX Runtime in a browser: WebAssembly, on the thread that calls. The one place that loads `onnxruntime-web`. */

import { usage } from "../graph/fault.ts";
import { sha256 } from "./hash.ts";
import type { Blobs, Host } from "./jobs.ts";
import { type Build, type Ort, runtimeOf } from "./onnx-runtime.ts";
import type { Runtime } from "./session.ts";

export interface WebOptions {
  /**
   * Where the engine's WebAssembly lies: the URL of `onnxruntime-web/dist/ort-wasm-simd-threaded.wasm`. By default beside the
   * script.
   */
  readonly wasm?: string | undefined;
}

let loading: Promise<Ort> | undefined;

/** The engine is one for the whole page: where it lies is said the first time. */
const buildAt = ({ wasm }: WebOptions): Build => ({
  load() {
    loading ??= import("onnxruntime-web/wasm").then((ort) => {
      ort.env.logLevel = "fatal";
      // threads inside a session change the bits of a matrix product
      ort.env.wasm.numThreads = 1;
      if (wasm !== undefined) ort.env.wasm.wasmPaths = { wasm };
      return ort as unknown as Ort;
    });
    return loading;
  },
  cpu: "wasm",
  digest: sha256,
  call: (action) => action(),
});

export const createWebRuntime = (options: WebOptions = {}): Runtime => runtimeOf(buildAt(options));

/** What a page provides to jobs: the processor alone, whatever device was asked for. */
export function webHost(blobs: Blobs, options: WebOptions = {}): Host {
  const runtime = createWebRuntime(options);
  return {
    blobs,
    digest: sha256,
    runtime: () => runtime,
    seconds: () => performance.now() / 1000,
    module: () => Promise.reject(usage("a page imports its modules itself: give the methods as objects")),
  };
}
