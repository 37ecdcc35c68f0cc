/** @file The table of attacks. An attack exists when it is listed here. */

import { fgsm } from "./fgsm.ts";
import { pgd } from "./pgd.ts";
import { square } from "./square.ts";
import type { Attack } from "./types.ts";

export const attacks: readonly Attack[] = [fgsm, pgd, square];
