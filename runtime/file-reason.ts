/** Explains in plain words why a file operation failed. */
const reasons: ReadonlyMap<string, string> = new Map([
  ["EACCES", "permission is denied"],
  ["EPERM", "permission is denied"],
  ["EROFS", "the file system is read-only"],
  ["ENOSPC", "no space is left on the disk"],
  ["EDQUOT", "the disk quota is used up"],
  ["EFBIG", "the file is too large for this disk"],
  ["EIO", "the disk reports an error"],
  ["ENOENT", "there is no such file or folder"],
  ["ENOTDIR", "a part of the path is no folder"],
  ["EISDIR", "a folder has this name"],
  ["EEXIST", "something of this name is there"],
  ["ENOTEMPTY", "the folder is not empty"],
  ["ENAMETOOLONG", "the name is too long"],
  ["ELOOP", "links lead back to each other"],
  ["EBUSY", "something else uses it"],
  ["EMFILE", "too many files are open"],
  ["ENFILE", "too many files are open on this machine"]
])

/** `no space is left on the disk (/out/model.json)`; for any other error its own message. */
export const fileReason = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const { code, path } = error as NodeJS.ErrnoException
  const reason = code === undefined ? undefined : reasons.get(code)
  if (reason === undefined) return error.message
  return path === undefined ? reason : `${reason} (${path})`
}
