/** @file A page as the place where jobs run: its own thread, model files in memory, results that are not kept. */

import { inlineExecutor } from "../runtime/inline.ts";
import { type Host, type Place, tableOf } from "../runtime/jobs.ts";
import { type WebOptions, webHost } from "../runtime/web.ts";
import { modelJobs } from "../studies/jobs/kinds.ts";

/** Of the package: a test holds it against package.json, which a page cannot read. */
export const VERSION = "0.1.0";

export interface WebPlace extends Place {
  /** What jobs find there. */
  readonly host: Host;
}

export function webPlace(options: WebOptions = {}): WebPlace {
  const files = new Map<string, Uint8Array>();
  const host = webHost(
    {
      async get(hash) {
        const bytes = files.get(hash);
        if (!bytes) throw new Error(`no file with the hash ${hash} is known here`);
        return bytes;
      },
    },
    options,
  );
  const executor = inlineExecutor(tableOf(modelJobs), host);
  return {
    host,
    digest: host.digest,
    version: VERSION,
    now: () => performance.now(),
    executor: async () => executor,
    here: async (jobs) => inlineExecutor(jobs, host),
    store: async () => undefined,
    async keep(bytes) {
      const hash = host.digest(bytes);
      files.set(hash, bytes);
      return hash;
    },
  };
}
