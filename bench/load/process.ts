// Runs one of the load programs in its own process.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** Runs a file of this folder with one JSON argument; resolves with the JSON it prints. */
export async function inProcess<T>(file: string, asked: unknown): Promise<T> {
  const path = join(import.meta.dirname, file);
  const { stdout } = await promisify(execFile)(process.execPath, [path, JSON.stringify(asked)], {
    maxBuffer: 64 * 1024 * 1024,
  });
  return JSON.parse(stdout) as T;
}
