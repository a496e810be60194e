// The entry point of durable-files.
export {
  DurableFolder,
  ignoreMissing,
  isNoSpace,
  readIfThere,
  removeTemporary,
  replaceFile,
  syncFolder,
  systemCode,
} from "./disk-files.ts";
export type { FileToWrite } from "./disk-files.ts";
