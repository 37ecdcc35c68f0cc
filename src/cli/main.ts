/** @file The entry: arguments in, exit code out. What a verb needs is loaded when the verb runs. */

import { TOOL, VERSION } from "../local/version.ts";

export async function main(argv: readonly string[]): Promise<number> {
  if (argv.length === 1 && ["--version", "-V"].includes(argv[0]!)) {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  const { explain } = await import("./errors.ts");
  guardOutput();
  try {
    const { runProgram } = await import("./program.ts");
    return await runProgram(argv);
  } catch (error) {
    if (process.env["ASSAY_DEBUG"] && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    const { code, line } = explain(error);
    process.stderr.write(`${TOOL}: ${line}\n`);
    return code;
  }
}

let guarded = false;

/** A reader that has seen enough (`| head`) is no error; other failures reach whoever writes. */
function guardOutput(): void {
  if (guarded) return;
  guarded = true;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
  });
}
