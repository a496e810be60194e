// The entry point of durable-files.
export {
  DurableFolder,
  ignoreMissing,
  isNoSpace,
  makeFolder,
  readIfThere,
  removeTemporary,
  replaceFile,
  syncFolder,
  systemCode,
} from "./disk-files.ts";
export type { FileToWrite } from "./disk-files.ts";
