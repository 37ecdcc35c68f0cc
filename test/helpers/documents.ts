import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

const folders = ["", "docs", "docs/methods", "zoo"];

/** Every Markdown file, as a path from the root. */
export const documents = folders.flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folder, name)),
);

export const read = (path: string): string => readFileSync(join(root, path), "utf8");
