/** @file The verbs: the program, the docs and `--config` are made from this table. A command is loaded when it runs. */

import type { Verb } from "./verb.ts";
import { attackVerb } from "./verbs/attack.ts";
import { auditVerb } from "./verbs/audit.ts";
import { backdoorVerb } from "./verbs/backdoor.ts";
import { benchVerb } from "./verbs/bench.ts";
import { certifyVerb } from "./verbs/certify.ts";
import { compareVerb } from "./verbs/compare.ts";
import { inspectVerb } from "./verbs/inspect.ts";
import { methodsVerb } from "./verbs/methods.ts";
import { populationVerb } from "./verbs/population.ts";
import { reportVerb } from "./verbs/report.ts";
import { supportsVerb } from "./verbs/supports.ts";
import { trainVerb } from "./verbs/train.ts";
import { verifyVerb } from "./verbs/verify.ts";

export const VERBS: readonly Verb[] = [
  { ...auditVerb, run: async (...args) => (await import("./commands/audit.ts")).audit(...args) },
  { ...attackVerb, run: async (...args) => (await import("./commands/attack.ts")).attack(...args) },
  { ...certifyVerb, run: async (...args) => (await import("./commands/certify.ts")).certify(...args) },
  { ...verifyVerb, run: async (...args) => (await import("./commands/verify.ts")).verify(...args) },
  { ...backdoorVerb, run: async (...args) => (await import("./commands/backdoor.ts")).backdoor(...args) },
  { ...compareVerb, run: async (...args) => (await import("./commands/compare.ts")).compare(...args) },
  { ...trainVerb, run: async (...args) => (await import("./commands/train.ts")).train(...args) },
  { ...populationVerb, run: async (...args) => (await import("./commands/population.ts")).population(...args) },
  { ...benchVerb, run: async (...args) => (await import("./commands/bench.ts")).bench(...args) },
  { ...inspectVerb, run: async (...args) => (await import("./commands/inspect.ts")).inspect(...args) },
  { ...reportVerb, run: async (...args) => (await import("./commands/report.ts")).report(...args) },
  { ...methodsVerb, run: async (...args) => (await import("./commands/methods.ts")).methods(...args) },
  { ...supportsVerb, run: async (...args) => (await import("./commands/supports.ts")).supports(...args) },
];
