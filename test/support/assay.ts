/** @file bin/assay.js, from the sources instead of from dist/. */
import { main } from "../../src/cli/main.ts";

process.exitCode = await main(process.argv.slice(2));
