// Moves what the write-ahead log holds into the database file, in a separate thread: it takes two syncs and as many writes
// as there are changed pages, some 20 to 50 ms, during which the event loop would stand still. This one file is both sides:
// imported, it gives `Checkpoints`; started by it as a thread, it makes them. So it works from the sources and from the package.
//
// 1. A checkpoint only copies (PASSIVE): it waits for no one, and neither readers nor the writer wait for it.
// 2. If the thread fails, or falls behind, the writer makes checkpoints itself when its log has grown tenfold.
import { DatabaseSync } from "node:sqlite";
import { parentPort, Worker, workerData } from "node:worker_threads";
import type { MessagePort } from "node:worker_threads";
import type { Log } from "../kernel/ctx.ts";

/** Tells the thread that it is ours; tests run in threads of others. */
const mark = "charter-sqlite-checkpoints";

/** Commits between two checkpoints: enough that pages which change often are copied once, few enough that each is short. */
const commitsBetween = 200;

interface Start {
  readonly mark: string;
  readonly file: string;
}

/** The checkpoints of one database file. */
export class Checkpoints implements AsyncDisposable {
  readonly #file: string;
  readonly #log: Log;
  #commits = 0;
  #isBusy = false;
  #isOver = false;
  #thread: Worker | undefined;

  constructor(file: string, log: Log) {
    this.#file = file;
    this.#log = log;
  }

  /** To be called after each commit. The thread is started by the first checkpoint, so that small uses have none. */
  committed(): void {
    if (++this.#commits < commitsBetween || this.#isBusy || this.#isOver) return;
    this.#commits = 0;
    this.#isBusy = true;
    this.#thread ??= this.#start();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
    this.#thread.postMessage("checkpoint");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#thread?.terminate();
  }

  #start(): Worker {
    const start: Start = { mark, file: this.#file };
    const thread = new Worker(new URL(import.meta.url), { workerData: start });
    thread.unref();
    thread.on("message", () => (this.#isBusy = false));
    thread.on("error", (error) => {
      this.#isOver = true;
      this.#log.warn({ err: error }, "the thread for checkpoints ended; the writer makes them itself");
    });
    return thread;
  }
}

/** The thread's side. */
function serve(port: MessagePort, { file }: Start): void {
  const handle = new DatabaseSync(file, { timeout: 0 });
  port.on("message", () => {
    try {
      handle.exec("pragma wal_checkpoint(passive)");
    } finally {
      port.postMessage("done");
    }
  });
}

const given = workerData as Partial<Start> | null;
if (parentPort !== null && given?.mark === mark && given.file !== undefined)
  serve(parentPort, { mark, file: given.file });
