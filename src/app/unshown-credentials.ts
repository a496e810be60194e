// Remembers in the data folder that the credentials of a start were made and that no one has seen them yet. A start that fails
// after it made them, or cannot print them, is followed by one that makes others in their place.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { readIfThere, replaceFile, syncFolder } from "../durable-files/index.ts";

/** What was made, or is about to be, and was not shown. */
export interface Unshown {
  /** The id of an admin's key. */
  readonly key?: string;
  /** Whether the one-time password of the user `admin` is among it. */
  readonly password?: boolean;
}

/** Credentials that were made and not shown. */
export class UnshownCredentials {
  readonly #dir: string;
  readonly #file: string;

  /** @param dir The data folder. */
  constructor(dir: string) {
    this.#dir = dir;
    this.#file = join(dir, "credentials-not-shown");
  }

  /** What is left of an earlier start; undefined when all was shown. What cannot be read names nothing. */
  async left(): Promise<Unshown | undefined> {
    const bytes = await readIfThere(this.#file);
    if (bytes === undefined) return undefined;
    try {
      return JSON.parse(bytes.toString("utf8")) as Unshown;
    } catch {
      return {};
    }
  }

  /** These are about to be made, or were. */
  async note(unshown: Unshown): Promise<void> {
    await replaceFile(this.#file, Buffer.from(`${JSON.stringify(unshown)}\n`));
  }

  /** They were shown. */
  async forget(): Promise<void> {
    await rm(this.#file, { force: true });
    await syncFolder(this.#dir);
  }
}
