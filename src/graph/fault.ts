/** @file What kind of matter an error is, so that whoever tells it needs to know no class. */

/**
 * `usage`: asked for in a way that cannot be. `unsupported`: a model, data or a file that cannot be taken. `not-applicable`:
 * a method that does not apply to the model, as others may. `interrupted`: asked to stop. `stopped`: the run ends with what
 * the message says, and no fault of the user's (a contradiction, a full disk).
 */
export type FaultKind = "usage" | "unsupported" | "not-applicable" | "interrupted" | "stopped";

const KINDS: readonly unknown[] = [
  "usage",
  "unsupported",
  "not-applicable",
  "interrupted",
  "stopped",
] satisfies readonly FaultKind[];

/** An error with nothing more to tell than its one line. Others carry a `fault` of their own. */
export class UserError extends Error {
  override readonly name = "UserError";
  readonly fault: FaultKind;
  constructor(fault: FaultKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
  }
}

export const usage = (message: string, cause?: unknown): UserError => new UserError("usage", message, { cause });
export const unsupportedInput = (message: string, cause?: unknown): UserError =>
  new UserError("unsupported", message, { cause });

/** Undefined for faults of the program itself. */
export function faultOf(error: unknown): FaultKind | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.name === "AbortError") return "interrupted";
  const { fault } = error as { readonly fault?: unknown };
  return KINDS.includes(fault) ? (fault as FaultKind) : undefined;
}
