import { usage } from "../errors.ts";
import type { Io } from "../verbs.ts";

export async function audit(_path: string, _raw: Readonly<Record<string, unknown>>, _io: Io): Promise<number> {
  throw usage("audit is not built yet");
}
