/** @file From whatever was thrown to one line and an exit code. */

import { printable } from "../formats/onnx/error.ts";

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

/** An end with a line to say and a code. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly code: ExitCode;
  constructor(code: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export const usage = (message: string, cause?: unknown): CliError => new CliError(EXIT.usage, message, { cause });
export const unsupportedInput = (message: string, cause?: unknown): CliError =>
  new CliError(EXIT.unsupported, message, { cause });

/** By name, so that saying what went wrong loads none of the modules in which it may have. */
export const CODES: Readonly<Record<string, ExitCode>> = {
  OnnxError: EXIT.unsupported,
  UnsupportedError: EXIT.unsupported,
  ModelError: EXIT.unsupported,
  NetworkError: EXIT.unsupported,
  UnsupportedReading: EXIT.unsupported,
  ReadingError: EXIT.unsupported,
  RunError: EXIT.unsupported,
  AttackError: EXIT.unsupported,
  MemoryError: EXIT.unsupported,
  DetectorError: EXIT.unsupported,
  DataError: EXIT.unsupported,
  FormatError: EXIT.unsupported,
  ContractError: EXIT.unsupported,
  ShapeError: EXIT.unsupported,
  ReportError: EXIT.unsupported,
  TrainConfigError: EXIT.usage,
  ArchitectureError: EXIT.usage,
  SamplesError: EXIT.unsupported,
  CheckpointError: EXIT.usage,
  DivergenceError: EXIT.usage,
  PopulationRecipeError: EXIT.usage,
  PopulationError: EXIT.unsupported,
  AbortError: EXIT.interrupted,
};

const FILE_SYSTEM: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOENT: "no such file or folder",
  ENOTDIR: "a file is in the way of a folder",
  EEXIST: "something of that name is in the way",
  EISDIR: "it is a folder",
};

/** What the operating system said, in words. */
export function systemReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return FILE_SYSTEM[code ?? ""] ?? message;
}

export function explain(error: unknown): { readonly code: ExitCode; readonly line: string } {
  if (error instanceof CliError) return { code: error.code, line: printable(error.message, 1000) };
  if (!(error instanceof Error)) return { code: EXIT.internal, line: `internal error: ${printable(String(error))}` };
  const { code: system, path } = error as NodeJS.ErrnoException;
  if (system !== undefined && FILE_SYSTEM[system]) {
    return { code: EXIT.internal, line: `${path === undefined ? "" : `${path}: `}${FILE_SYSTEM[system]}` };
  }
  const code = CODES[error.name];
  if (code !== undefined) return { code, line: printable(error.message, 1000) };
  return {
    code: EXIT.internal,
    line: `internal error: ${printable(error.message, 1000)} (set ASSAY_DEBUG=1 to see where; please report it)`,
  };
}
