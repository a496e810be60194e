// What would hold up every other request runs in a separate thread: bcrypt in JavaScript, and the estimate of a password's
// strength, which takes half a second on input made to be slow. This one file is both sides: imported, it gives
// `PasswordWorker`; started by it as a worker, it answers its questions. So it works from the sources and from the package.
import { parentPort, Worker, workerData } from "node:worker_threads";
import { Semaphore } from "../../kernel/concurrency.ts";
import { runQueued } from "./password-queue.ts";

/** What the estimate says of a password. */
export interface Strength {
  /** 0 to 4, as zxcvbn counts: the order of magnitude of guesses (10^3, 10^6, 10^8, 10^10). */
  readonly score: number;
  /** Whether the password, whatever its case, is on the list of common and breached ones. */
  readonly common: boolean;
  /** What makes it weak, in words; empty when there is nothing to say. */
  readonly warning: string;
}

type Question =
  | { readonly task: "bcrypt"; readonly password: string; readonly hash: string }
  | { readonly task: "strength"; readonly password: string; readonly inputs: readonly string[] };

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** Tells the thread that it is ours; tests run in threads of others. */
const mark = "charter-password-worker";

/** Most questions that wait for the thread; about ten seconds of work at its slowest. */
const mostWaiting = 64;

/**
 * Longest beginning of a password whose strength is estimated, characters: the time grows with the square of the length, and
 * what is strong in its beginning is strong as a whole.
 */
const estimatedLength = 48;

/** A thread that checks passwords; started when first needed. */
export class PasswordWorker implements AsyncDisposable {
  readonly #queue = new Semaphore({ maxInside: 1, maxWaiting: mostWaiting });
  readonly #open = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #worker: Worker | undefined;
  #nextId = 0;

  /** Whether a password has this bcrypt hash. Rejects with `auth.busy`. */
  bcrypt(password: string, hash: string, holder?: string): Promise<boolean> {
    return this.#ask<boolean>({ task: "bcrypt", password, hash }, holder);
  }

  /** How strong a password is; `inputs` are words that an attacker would try first. Rejects with `auth.busy`. */
  strength(password: string, inputs: readonly string[], holder?: string): Promise<Strength> {
    return this.#ask<Strength>({ task: "strength", password, inputs }, holder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker?.terminate();
  }

  #ask<T>(question: Question, holder: string | undefined): Promise<T> {
    const ask = async (): Promise<T> => {
      const worker = (this.#worker ??= this.#start());
      const id = this.#nextId++;
      // The process may end while the thread is idle, and not before it has answered.
      worker.ref();
      try {
        return (await new Promise<unknown>((resolve, reject) => {
          this.#open.set(id, { resolve, reject });
          // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
          worker.postMessage({ ...question, id });
        })) as T;
      } finally {
        this.#open.delete(id);
        if (this.#open.size === 0) worker.unref();
      }
    };
    return runQueued(this.#queue, ask, holder);
  }

  #start(): Worker {
    const worker = new Worker(new URL(import.meta.url), { workerData: mark });
    const fail = (error: Error): void => {
      if (this.#worker === worker) this.#worker = undefined;
      for (const { reject } of this.#open.values()) reject(error);
      this.#open.clear();
    };
    worker.on("message", ({ id, value, error }: Answer) => {
      const question = this.#open.get(id);
      if (error === undefined) question?.resolve(value);
      else question?.reject(new Error(error));
    });
    worker.on("error", fail);
    worker.on("exit", () => fail(new Error("the password thread has ended")));
    return worker;
  }
}

/** The thread's side: loads what a question needs and answers it. */
async function answer(question: Question): Promise<unknown> {
  if (question.task === "bcrypt") {
    const { compareSync } = await import("bcryptjs");
    return compareSync(question.password, question.hash);
  }
  estimate ??= await loadEstimate();
  return estimate(question.password, question.inputs);
}

type Estimate = (password: string, inputs: readonly string[]) => Strength;
let estimate: Estimate | undefined;

async function loadEstimate(): Promise<Estimate> {
  const [{ ZxcvbnFactory }, common, english] = await Promise.all([
    import("@zxcvbn-ts/core"),
    import("@zxcvbn-ts/language-common"),
    import("@zxcvbn-ts/language-en"),
  ]);
  const zxcvbn = new ZxcvbnFactory({
    dictionary: { ...common.dictionary, ...english.dictionary },
    graphs: common.adjacencyGraphs,
    translations: english.translations,
    maxLength: estimatedLength,
  });
  const passwords = new Set<unknown>(common.dictionary["passwords-common"]);
  return (password, inputs) => {
    const { score, feedback } = zxcvbn.check(password, [...inputs]);
    return { score, common: passwords.has(password.toLowerCase()), warning: feedback.warning ?? "" };
  };
}

if (parentPort && workerData === mark) {
  const port = parentPort;
  port.on("message", (message: Question & { readonly id: number }) => {
    answer(message).then(
      (value) => port.postMessage({ id: message.id, value } satisfies Answer),
      (error: unknown) => port.postMessage({ id: message.id, error: String(error) } satisfies Answer),
    );
  });
}
