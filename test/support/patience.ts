import { test } from "vitest";

/** Long tests run in continuous integration (CI=1), or where somebody asks for them; `npm test` ends in under five minutes. */
export const PATIENT = process.env["CI"] !== undefined || process.env["ASSAY_LARGE"] !== undefined;

/** For the names of tests that are skipped otherwise. */
export const LONG = "long: with CI=1 or ASSAY_LARGE=1";

type Body = () => Promise<void> | void;

/** A long test, which `npm test` leaves out. */
export const longTest = (name: string, body: Body, timeout = 120_000): void =>
  test.skipIf(!PATIENT)(`${name} (${LONG})`, { timeout }, body);
