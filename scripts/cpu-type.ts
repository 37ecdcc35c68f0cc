import { readFileSync } from "node:fs";
import { cpus } from "node:os";

/** What decides which kernels a numeric library picks, so that equal types give equal bits. */
export function cpuType(): string {
  const name = cpus()[0]?.model ?? "unknown";
  try {
    const info = readFileSync("/proc/cpuinfo", "utf8");
    const field = (key: string) => new RegExp(`^${key}\\s*:\\s*(.*)$`, "m").exec(info)?.[1] ?? "?";
    const flags = new Set(field("flags").split(" "));
    const vectors = ["avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile"].filter((flag) =>
      flags.has(flag),
    );
    return `${name}, family ${field("cpu family")}, model ${field("model")}, ${vectors.join(" ") || "no vectors"}`;
  } catch {
    return name;
  }
}
