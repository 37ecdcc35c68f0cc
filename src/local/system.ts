/** @file What the operating system says, in words. */

export const FILE_SYSTEM: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOENT: "no such file or folder",
  ENOTDIR: "a file is in the way of a folder",
  EEXIST: "something of that name is in the way",
  EISDIR: "it is a folder",
};

/** What the operating system said, in words. */
export function systemReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return FILE_SYSTEM[code ?? ""] ?? message;
}
