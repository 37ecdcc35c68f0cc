/** @file From whatever was thrown to one line and an exit code. */

import { printable } from "../formats/onnx/error.ts";
import { type FaultKind, faultOf } from "../graph/fault.ts";
import { FILE_SYSTEM } from "../local/system.ts";

/** What a process says of how it went. */
export const EXIT = {
  passed: 0,
  failed: 1,
  usage: 2,
  unsupported: 3,
  internal: 4,
  undecided: 5,
  interrupted: 130,
  /** By SIGTERM. */
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const CODES = {
  usage: EXIT.usage,
  unsupported: EXIT.unsupported,
  "not-applicable": EXIT.unsupported,
  interrupted: EXIT.interrupted,
  stopped: EXIT.internal,
} as const satisfies Readonly<Record<FaultKind, ExitCode>>;

export function explain(error: unknown): { readonly code: ExitCode; readonly line: string } {
  if (!(error instanceof Error)) return { code: EXIT.internal, line: `internal error: ${printable(String(error))}` };
  const fault = faultOf(error);
  if (fault !== undefined) return { code: CODES[fault], line: printable(error.message, 1000) };
  const { code: system, path } = error as NodeJS.ErrnoException;
  if (system !== undefined && FILE_SYSTEM[system]) {
    return { code: EXIT.internal, line: `${path === undefined ? "" : `${path}: `}${FILE_SYSTEM[system]}` };
  }
  return {
    code: EXIT.internal,
    line: `internal error: ${printable(error.message, 1000)} (set ASSAY_DEBUG=1 to see where; please report it)`,
  };
}
