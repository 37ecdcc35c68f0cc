/**
 * Audits of published models and of the zoo's, with the defaults: the decision, the time and the peak memory of each, as rows of a
 * table: `npx tsx bench/audited-models.ts [NAME …]`. Each runs as a program of its own. Models that lie nowhere are left out with
 * the reason. SAMPLE: inputs of each, in place of the default.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { writeNpz } from "../src/formats/npz.ts";
import { exportOnnx } from "../src/formats/onnx/export.ts";
import type { AuditReport } from "../src/report/schema.ts";
import { gratingArrays, resnet18 } from "../test/support/resnet18.ts";

const ROOT = resolve(import.meta.dirname, "..");
const SHARED = resolve(ROOT, "../shared/data");
const FOLDER = mkdtempSync(join(tmpdir(), "assay-audited-"));
const ROBUST = `${SHARED}/robust-models`;
const MNIST = `${SHARED}/mnist/t10k-images-idx3-ubyte.gz`;
const CIFAR = `${SHARED}/cifar10-exact-subset/test_subset.bin.gz`;
const CNN_A = `${ROBUST}/alpha-beta-CROWN/onnx/cifar_cnn_a_adv.onnx`;
const RESNET = `${SHARED}/no-explicit-licence/vnncomp/cifar10_resnet/onnx/resnet_2b.onnx.gz`;

interface Audited {
  readonly model: string;
  readonly data: string;
  readonly options?: readonly string[];
}

const unpacked = (from: string): string => {
  const to = join(FOLDER, "model.onnx");
  if (existsSync(from)) writeFileSync(to, gunzipSync(readFileSync(from)));
  return to;
};

async function large(): Promise<Audited> {
  const [model, data] = [join(FOLDER, "resnet18.onnx"), join(FOLDER, "gratings.npz")];
  writeFileSync(model, exportOnnx(await resnet18()));
  writeFileSync(data, writeNpz(gratingArrays(60, 5)));
  return { model, data };
}

const zoo = (name: string) => (): Audited => ({ model: `${ROOT}/zoo/${name}.onnx`, data: "mnist" });

const MODELS: Readonly<Record<string, () => Audited | Promise<Audited>>> = {
  "mnist-mlp": zoo("mnist-mlp"),
  "mnist-cnna-clean": zoo("mnist-cnna-clean"),
  "mnist-cnna-ibp": zoo("mnist-cnna-ibp"),
  "mnist-cnna-badnets": zoo("mnist-cnna-badnets"),
  convex_adversarial: () => ({ model: `${ROBUST}/convex_adversarial/onnx/mnist.onnx`, data: MNIST }),
  RSL18a: () => ({ model: `${ROBUST}/MIPVerify_data/onnx/RSL18a.onnx`, data: MNIST }),
  "verazuo-badnets": () => ({ model: `${SHARED}/backdoor/verazuo-badnets/onnx/badnet-MNIST.onnx`, data: MNIST }),
  "cnn_a, not normalised": () => ({ model: CNN_A, data: CIFAR }),
  "cnn_a, normalised": () => ({
    model: CNN_A,
    data: CIFAR,
    options: ["--mean", "0.485,0.456,0.406", "--std", "0.225,0.225,0.225"],
  }),
  resnet_2b: () => ({ model: unpacked(RESNET), data: CIFAR }),
  "ResNet-18 at 224": large,
};

function measure(name: string, { model, data, options = [] }: Audited): string {
  if (!existsSync(model) || (data !== "mnist" && !existsSync(data))) return `| ${name} | not here: ${model} |`;
  const out = join(FOLDER, name.replaceAll(/\W+/g, "-"));
  const sample = process.env["SAMPLE"] ? ["--sample", process.env["SAMPLE"]] : [];
  const audit = [
    join(ROOT, "test/support/assay.ts"),
    "audit",
    model,
    "--data",
    data,
    "--out",
    out,
    ...options,
    ...sample,
  ];
  const began = performance.now();
  // its peak is read where it ends
  const code = `process.on("exit", () => process.stderr.write("PEAK " + process.resourceUsage().maxRSS));`;
  const program = [
    "--import",
    import.meta.resolve("tsx"),
    "--import",
    `data:text/javascript,${encodeURIComponent(code)}`,
    ...audit,
  ];
  const { stderr } = spawnSync(process.execPath, program, { cwd: FOLDER, encoding: "utf8", maxBuffer: 2 ** 28 });
  const seconds = (performance.now() - began) / 1000;
  const peak = Number(/PEAK (\d+)\s*$/.exec(stderr)?.[1]) / 1024;
  const page = join(out, "report.json");
  if (!existsSync(page)) return `| ${name} | no page: ${stderr.trim().split("\n").at(-1)} |`;
  const { decision } = JSON.parse(readFileSync(page, "utf8")) as AuditReport;
  const figures = [`${seconds.toFixed(0)} s`, `${peak.toFixed(0)} MB`, loadavg()[0]!.toFixed(1)];
  return `| ${[name, decision.kind, ...figures, decision.reason].join(" | ")} |`;
}

console.log(`${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}`);
console.log("| model | decision | time | peak memory | load | why |\n|---|---|---|---|---|---|");
const wanted = process.argv.slice(2);
for (const [name, audited] of Object.entries(MODELS)) {
  if (wanted.length === 0 || wanted.includes(name)) console.log(measure(name, await audited()));
}
