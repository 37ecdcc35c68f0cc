import { fileURLToPath, pathToFileURL } from "node:url";
import { configDefaults, defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { builtOf } from "./test/support/built.ts";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Tests of the sources that need a process of their own: one ends processes and threads, one replaces a timer. */
const APART = ["src/cli/alarm.test.ts", "src/runtime/node-pool.test.ts"];

/** Modules whose own address is where a thread starts or finds its jobs: there it takes their JavaScript. */
const THREADS = ["src/runtime/node-pool.ts", "src/local/jobs.ts", "test/runtime/jobs.ts"].map(at);

const builtThreads = {
  name: "built-threads",
  transform: (code: string, id: string) =>
    THREADS.includes(id) ? code.replaceAll("import.meta.url", JSON.stringify(pathToFileURL(builtOf(id)))) : undefined,
};

const project = (name: string, test: TestProjectInlineConfiguration["test"]): TestProjectInlineConfiguration => ({
  // as tsconfig.json has it for the compiler: examples read as users write them
  resolve: { alias: { assay: at("src/index.ts") } },
  plugins: [builtThreads],
  test: {
    name,
    globalSetup: "test/support/built.ts",
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    ...test,
  },
});

export default defineConfig({
  test: {
    maxWorkers: 2,
    reporters: [["default", { summary: false }], "./scripts/count-reporter.ts"],
    projects: [
      // they change the folder or the environment of their process, measure its memory, or fill it
      project("alone", { include: ["test/**/*.test.ts", "examples/**/*.test.ts", ...APART] }),
      // loading the sources takes longer than the tests of most files: a process loads them once for many
      project("together", {
        isolate: false,
        include: ["src/**/*.test.ts"],
        exclude: [...configDefaults.exclude, ...APART],
      }),
    ],
  },
});
