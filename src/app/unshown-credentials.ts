// Remembers in the data folder that the credentials of a first start were made and that no one has seen them yet. A start that
// fails after it made them, or cannot print them, is followed by one that makes others in their place.
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { ignoreMissing, replaceFile, syncFolder } from "../durable-files/index.ts";

/** Credentials that were made and not shown. */
export class UnshownCredentials {
  readonly #dir: string;
  readonly #file: string;

  /** @param dir The data folder. */
  constructor(dir: string) {
    this.#dir = dir;
    this.#file = join(dir, "credentials-not-shown");
  }

  /** The id of the key among them, empty where there is none; undefined when all were shown. */
  async left(): Promise<string | undefined> {
    try {
      return (await readFile(this.#file, "utf8")).trim();
    } catch (error) {
      ignoreMissing(error);
      return undefined;
    }
  }

  /** Some are about to be made, or this key was. */
  async note(keyId = ""): Promise<void> {
    await replaceFile(this.#file, Buffer.from(`${keyId}\n`));
  }

  /** They were shown. */
  async forget(): Promise<void> {
    await rm(this.#file, { force: true });
    await syncFolder(this.#dir);
  }
}
