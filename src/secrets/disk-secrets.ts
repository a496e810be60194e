// Secrets as files of the data folder, which only its owner may read.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { readIfThere, replaceFile } from "../durable-files/index.ts";
import type { Secrets } from "./secrets.ts";

/** Random bytes that cannot be guessed. */
const secretBytes = 32;

/** Secrets below a folder that is there; each is made at its first use. */
export function diskSecrets(dir: string): Secrets {
  return {
    async bytes(name) {
      const path = join(dir, name);
      const kept = await readIfThere(path);
      if (kept?.length === secretBytes) return kept;
      const bytes = randomBytes(secretBytes);
      await replaceFile(path, bytes);
      return bytes;
    },
  };
}
