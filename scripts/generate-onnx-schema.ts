/**
 * @file Writes src/formats/onnx/schema.generated.ts, the descriptor of onnx.proto as data, so that no .proto text is
 * parsed at start-up. Run with `npx tsx scripts/generate-onnx-schema.ts` after onnx.proto changes.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import protobuf from "protobufjs";

const folder = new URL("../src/formats/onnx/", import.meta.url);

/** The text that schema.generated.ts should have. */
export function schemaSource(): string {
  const { root } = protobuf.parse(readFileSync(new URL("onnx.proto", folder), "utf8"));
  // the descriptor's type does not know this key, and only text formats use it
  const descriptor = JSON.stringify(root.toJSON(), (key, value) => (key === "protoName" ? undefined : value), 1);
  return [
    "// Made from onnx.proto by scripts/generate-onnx-schema.ts; do not edit.",
    'import type { INamespace } from "protobufjs/light.js";',
    "",
    `export const onnxSchema: INamespace = ${descriptor};`,
    "",
  ].join("\n");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  writeFileSync(new URL("schema.generated.ts", folder), schemaSource());
