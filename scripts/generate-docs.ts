/** @file Writes the generated pages of docs/. A test compares them with what this would write. */

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { pages } from "./docs/pages.ts";

for (const [path, render] of Object.entries(pages)) {
  writeFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), render());
  process.stdout.write(`wrote ${path}\n`);
}
