// Passwords become hashes and are compared with them.
//
// 1. Never more than a few at a time: each takes 19 MiB and a thread, and the ledger's disk writes need threads too.
// 2. Checking against nothing costs what checking against a hash costs.
// 3. Passwords are compared in Unicode's form NFKC (NIST SP 800-63B section 5.1.1.2), so that two keyboards agree; a hash from
//    elsewhere may have been made of the text as it was typed, which is tried as well.
import { argon2, randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { Semaphore } from "../../kernel/concurrency.ts";
import { equalSecrets } from "../../kernel/hash.ts";
import { currentParameters, isCurrent, phcString, readPasswordHash, saltBytes, tagBytes } from "./password-hash.ts";
import type { Argon2Parameters } from "./password-hash.ts";
import { runQueued } from "./password-queue.ts";
import type { PasswordWorker } from "./password-worker.ts";

/** Longest password worth looking at, UTF-16 units; the policy accepts far less. */
export const maxPasswordInput = 1024;

/** Most hashes at a time: one for each core, and one of the four threads of Node's pool left for everyone else. */
const mostAtOnce = Math.min(availableParallelism(), 3);

/** Most that wait; at about 50 ms each, the last one of them waits for two to five seconds. */
const mostWaiting = 100;

/** What a comparison showed. */
export interface Verdict {
  readonly matches: boolean;
  /** Whether the hash is of another form than new ones, so that it should be replaced now that the password is at hand. */
  readonly outdated: boolean;
}

/** Hashes passwords. */
export class PasswordHasher {
  readonly #worker: PasswordWorker;
  readonly #queue: Semaphore;
  /** What is compared with where no user is found; made of random bytes that are kept nowhere. */
  readonly #randomHash = phcString(currentParameters, randomBytes(saltBytes), randomBytes(tagBytes));

  constructor(worker: PasswordWorker, limits = { mostAtOnce, mostWaiting }) {
    this.#worker = worker;
    this.#queue = new Semaphore({ maxInside: limits.mostAtOnce, maxWaiting: limits.mostWaiting });
  }

  /** The PHC string of a password. Rejects with `auth.busy`. `holder` is who is counted for the wait, as an address. */
  async hash(password: string, holder?: string): Promise<string> {
    const salt = randomBytes(saltBytes);
    const tag = await runQueued(
      this.#queue,
      () => argon2Tag(normalPassword(password), currentParameters, salt, tagBytes),
      holder,
    );
    return phcString(currentParameters, salt, tag);
  }

  /** Whether a password has this hash; undefined stands for a user that does not exist. Rejects with `auth.busy`. */
  async verify(password: string, hashText: string | undefined, holder?: string): Promise<Verdict> {
    const hash = readPasswordHash(hashText ?? this.#randomHash);
    if (hash === undefined) throw new Error("a stored password hash cannot be read");
    for (const candidate of new Set([normalPassword(password), password])) {
      const matches =
        hash.scheme === "bcrypt"
          ? await this.#worker.bcrypt(candidate, hash.text, holder)
          : await runQueued(
              this.#queue,
              async () => {
                const tag = await argon2Tag(candidate, hash.parameters, hash.salt, hash.tag.length);
                return equalSecrets(tag, hash.tag);
              },
              holder,
            );
      if (matches && hashText !== undefined) return { matches: true, outdated: !isCurrent(hash) };
    }
    return { matches: false, outdated: false };
  }
}

/** A password in the form in which it is hashed and compared. */
export function normalPassword(password: string): string {
  return password.normalize("NFKC");
}

function argon2Tag(password: string, parameters: Argon2Parameters, salt: Buffer, tagLength: number): Promise<Buffer> {
  const { variant, memoryKib, passes, parallelism } = parameters;
  return new Promise((resolve, reject) => {
    argon2(
      variant,
      { message: Buffer.from(password), nonce: salt, parallelism, tagLength, memory: memoryKib, passes },
      (error, tag) => (error ? reject(error) : resolve(tag)),
    );
  });
}
