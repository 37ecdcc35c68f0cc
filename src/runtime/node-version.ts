import { createRequire } from "node:module";

/** Of ONNX Runtime, without loading it. */
export const runtimeVersion = (): string =>
  (createRequire(import.meta.url)("onnxruntime-node/package.json") as { readonly version: string }).version;
