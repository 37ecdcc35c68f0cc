import { renderCli } from "./cli.ts";
import { methodPages } from "./methods.ts";
import { opsPage } from "./ops.ts";
import { schemaPages } from "./schemas.ts";
import { trainingPages } from "./training.ts";

/** Every generated page by its path. */
export const pages: Readonly<Record<string, () => string>> = {
  "docs/ops.md": opsPage,
  "docs/cli.md": renderCli,
  ...methodPages,
  ...trainingPages,
  ...schemaPages,
};
