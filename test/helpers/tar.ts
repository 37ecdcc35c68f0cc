import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** Regular files of a .tar.gz by path (ustar, with the name prefix). */
export function readTarGz(path: string): Map<string, Uint8Array> {
  const bytes = gunzipSync(readFileSync(path));
  const text = (from: number, length: number) => bytes.toString("latin1", from, from + length).replace(/\0.*$/s, "");
  const files = new Map<string, Uint8Array>();
  let longName: string | undefined;
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    const type = String.fromCharCode(bytes[at + 156]!);
    const prefix = text(at + 257, 5) === "ustar" ? text(at + 345, 155) : "";
    const name = longName ?? (prefix === "" ? "" : `${prefix}/`) + text(at, 100);
    const content = bytes.subarray(at + 512, at + 512 + size);
    longName = type === "L" ? content.toString("utf8").replace(/\0.*$/s, "") : undefined;
    if (type === "0" || type === "\0") files.set(name, content);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}
