/** @file A page of a project that has the package, bundled, served by this process and opened in Chromium. */

import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { BuildOptions } from "esbuild";
import { chromium } from "playwright-core";
import { loadDataset } from "../../src/data/files.ts";
import { CHROMIUM, CHROMIUM_ARGUMENTS } from "./chromium.ts";

/** Proves and attacks what it is served, and leaves the results in `done`. */
export const CERTIFY_PAGE = `
import { attack, attackOf, certify, examineBytes, verifierOf } from "assay/browser";

const bytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
const numbers = async (path) => new Float32Array((await bytes(path)).buffer);

async function main() {
  const digits = await examineBytes(await bytes("model.onnx"), {
    wasm: new URL("engine.wasm", location.href).href,
    samples: { images: await numbers("images"), shape: [1, 28, 28], labels: await numbers("labels"), range: "0..255" },
  });
  const proved = await certify(digits, { epsilon: 0.1, verifiers: [verifierOf("ibp"), verifierOf("crown")], attack: false });
  const attacked = await attack(digits, { epsilon: 0.3, attacks: [attackOf("fgsm")] });
  return { proved: proved.file, attacked: attacked.file };
}
globalThis.done = main();
`;

/** Audits what it is served with a budget, looks for a backdoor, and leaves the report's page and the answers in `done`. */
export const AUDIT_PAGE = `
import { audit, backdoor, detectorOf, examineBytes, renderHtml, reportOf } from "assay/browser";

const bytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
const numbers = async (path) => new Float32Array((await bytes(path)).buffer);

async function main() {
  const digits = await examineBytes(await bytes("model.onnx"), {
    wasm: new URL("engine.wasm", location.href).href,
    samples: { images: await numbers("images"), shape: [1, 28, 28], labels: await numbers("labels"), range: "0..255" },
  });
  const detectors = [detectorOf("last-layer"), detectorOf("clp")];
  const search = { draw: async () => digits.inputs, seed: 0, reference: undefined, bundled: () => [] };
  const audited = await audit(digits, { epsilons: [0.05], detectors, search, budget: 60 });
  const report = reportOf(audited, { created: "2026-01-01T00:00:00Z", command: "a page" });
  const { file } = await backdoor(digits, { detectors });
  return { report, html: await renderHtml(report), searched: file, failures: audited.failures };
}
globalThis.done = main();
`;

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

/** @param files by their paths on the server: where they lie, or what is in them */
async function serve(files: Readonly<Record<string, string | Uint8Array>>): Promise<Server> {
  const server = createServer((request, response) => {
    const name = request.url!.slice(1) || "index.html";
    const found = Object.hasOwn(files, name) ? files[name] : undefined;
    if (found === undefined) return void response.writeHead(404).end();
    const type = TYPES[name.replace(/^.*(?=\.)/, "")] ?? "application/octet-stream";
    response.writeHead(200, { "content-type": type }).end(typeof found === "string" ? readFileSync(found) : found);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** Bundles a script and gives what it leaves in `done`. @throws whatever the page complains of */
export async function runPage(
  options: BuildOptions,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<unknown> {
  const { build } = await import("esbuild");
  const built = await build({
    bundle: true,
    format: "esm",
    platform: "browser",
    write: false,
    outdir: "page",
    logLevel: "silent",
    ...options,
  });
  const [script] = built.outputFiles!;
  const html = Buffer.from('<!doctype html><script type="module" src="page.js"></script>');
  const server = await serve({ ...files, "index.html": html, "page.js": script!.contents });
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGUMENTS });
  try {
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const done = await page.evaluate("globalThis.done");
    if (complaints.length > 0) throw new Error(complaints.join("\n"));
    return done;
  } finally {
    await browser.close();
    server.close();
  }
}

/** What `CERTIFY_PAGE` asks for. @param modules of the project: the engine's WebAssembly lies there */
export async function certifyFiles(model: string, count: number, modules: string) {
  const { images, labels } = await loadDataset("mnist", { limit: count });
  return {
    "model.onnx": model,
    images: new Uint8Array(images.buffer, images.byteOffset, images.byteLength),
    labels: new Uint8Array(Float32Array.from(labels!).buffer),
    "engine.wasm": join(modules, "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm"),
  };
}
