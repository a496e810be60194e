// The ballast: real bytes kept on the disk for the day it is full. They are given up so that acts which have begun can
// still be closed by an outcome, and made again before anything new may begin.
import { randomFillSync } from "node:crypto";
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { steady } from "../../kernel/clock.ts";
import type { Clock } from "../../kernel/clock.ts";
import { replaceFile } from "../../durable-files/index.ts";

/** Name of the ballast's file. */
export const ballastFile = "ballast";
/** Size of the ballast: room for some 8 000 outcome leaves of 500 bytes, many times what can be under way at once. */
export const ballastBytes = 4 * 1024 * 1024;
/** How long to wait between two tries to make the ballast again, milliseconds; each try writes 4 MiB. */
const retryAfterMs = 1_000;

/** The reserve of one ledger. */
export class Ballast {
  readonly #path: string;
  readonly #clock: Clock;
  #inPlace = false;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  #trying: Promise<boolean> | undefined;

  constructor(dir: string, clock: Clock) {
    this.#path = join(dir, ballastFile);
    this.#clock = steady(clock);
  }

  /** Whether the reserve is on the disk. Without it nothing new may begin. */
  get inPlace(): boolean {
    return this.#inPlace;
  }

  /** Makes the reserve unless it is there; resolves with whether it is. A full disk is not an error here. */
  async fill(): Promise<boolean> {
    this.#triedAtMs = this.#clock.nowMs();
    const present = await stat(this.#path).catch(() => undefined);
    if (present?.size === ballastBytes) return (this.#inPlace = true);
    try {
      // Random bytes, so that no file system compresses or shares them.
      await replaceFile(this.#path, randomFillSync(Buffer.allocUnsafe(ballastBytes)));
      this.#inPlace = true;
    } catch {
      this.#inPlace = false;
    }
    return this.#inPlace;
  }

  /** Tries to fill again, at most once a second; resolves with whether the reserve is in place. */
  async refill(): Promise<boolean> {
    if (this.#inPlace) return true;
    const sinceMs = this.#clock.nowMs() - this.#triedAtMs;
    if (this.#trying === undefined && sinceMs < retryAfterMs) return false;
    this.#trying ??= this.fill().finally(() => (this.#trying = undefined));
    return this.#trying;
  }

  /** Gives the reserve up. Resolves with whether that made room; never rejects. */
  async release(): Promise<boolean> {
    const had = this.#inPlace;
    this.#inPlace = false;
    this.#triedAtMs = this.#clock.nowMs();
    const isFreed = await rm(this.#path, { force: true }).then(
      () => true,
      () => false,
    );
    return had && isFreed;
  }
}
