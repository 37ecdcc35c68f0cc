import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { schemaSource } from "../../../scripts/generate-onnx-schema.ts";

test("the committed descriptor is what the script makes of onnx.proto", () => {
  const committed = readFileSync(new URL("schema.generated.ts", import.meta.url), "utf8");
  expect(committed).toBe(schemaSource());
});
