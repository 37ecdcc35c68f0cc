/** @file The table of families: the command line, its help, the report and the docs are made from it. */

import { attackFamily } from "./attack/index.ts";
import { backdoorFamily } from "./backdoor/index.ts";
import type { AnyFamily } from "./family.ts";
import type { MethodDescription } from "./method.ts";
import { poisonFamily } from "./poison/index.ts";
import { architectureFamily } from "./train/architecture-family.ts";
import { trainFamily } from "./train/index.ts";
import { verifyFamily } from "./verify/index.ts";

export const families = [
  attackFamily,
  verifyFamily,
  backdoorFamily,
  trainFamily,
  poisonFamily,
  architectureFamily,
] as unknown as readonly AnyFamily[];

export interface MethodEntry {
  readonly family: AnyFamily;
  readonly method: MethodDescription;
}

export const methods: readonly MethodEntry[] = families.flatMap((family) =>
  family.methods.map((method) => ({ family, method })),
);
