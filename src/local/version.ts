import { readFileSync } from "node:fs";

interface Package {
  readonly version: string;
}

const read = (): Package => JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as Package;

export const TOOL = "assay";
export const VERSION: string = read().version;
