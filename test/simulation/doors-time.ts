// Replaces Node's clocks, timers and chance by simulated ones, for everything in this process that is loaded after it.
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import os from "node:os";
import perfHooks from "node:perf_hooks";
import timers from "node:timers";
import timersPromises from "node:timers/promises";
import v8 from "node:v8";
import type { Random } from "./random.ts";
import type { Event, Timeline } from "./timeline.ts";

/** The simulation that runs now. */
export interface Here {
  readonly timeline: Timeline;
  readonly chance: Random;
}

let here: Here | undefined;

/** What the doors lead to now. @throws Error outside of a simulation. */
export function now(): Here {
  if (here === undefined) throw new Error("no simulation runs");
  return here;
}

/** Lets the doors lead to a simulation. */
export function enter(simulation: Here): void {
  here = simulation;
}

/** A timer as Node has them. It keeps no process alive, so `ref` and `unref` say nothing. */
class SimulatedTimer {
  readonly #act: () => void;
  readonly #ms: number;
  readonly #repeats: boolean;
  #event: Event | undefined;

  constructor(act: () => void, ms: number | undefined, repeats: boolean) {
    this.#act = act;
    // As Node has it: a whole millisecond at least, and what is no number is one.
    this.#ms = ms !== undefined && ms >= 1 && ms < 2 ** 31 ? Math.trunc(ms) : 1;
    this.#repeats = repeats;
    this.refresh();
  }

  refresh(): this {
    this.close();
    this.#event = now().timeline.at(this.#ms, () => {
      if (this.#repeats) this.refresh();
      this.#act();
    });
    return this;
  }

  close(): this {
    if (this.#event !== undefined) this.#event.act = undefined;
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return false;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

type Callback = (...args: unknown[]) => void;

const begin = (act: Callback, ms: number | undefined, args: unknown[], repeats: boolean): SimulatedTimer =>
  new SimulatedTimer(() => act(...args), ms, repeats);
const end = (timer: unknown): void => {
  if (timer instanceof SimulatedTimer) timer.close();
};

const plainTimers = {
  setTimeout: (act: Callback, ms?: number, ...args: unknown[]) => begin(act, ms, args, false),
  setInterval: (act: Callback, ms?: number, ...args: unknown[]) => begin(act, ms, args, true),
  setImmediate(act: Callback, ...args: unknown[]) {
    const { timeline } = now();
    return timeline.at(0, () => act(...args), timeline.current, true);
  },
  clearTimeout: end,
  clearInterval: end,
  clearImmediate(event: Event | null | undefined) {
    if (event) event.act = undefined;
  },
};

/** Resolves with a value after a time; rejects when the signal aborts. */
function later<T>(wait: (act: () => void) => () => void, value: T, signal?: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const aborted = (): Error =>
      new DOMException("The operation was aborted", { name: "AbortError", cause: signal?.reason });
    if (signal?.aborted === true) return reject(aborted());
    const stop = (): void => {
      cancel();
      reject(aborted());
    };
    const cancel = wait(() => {
      signal?.removeEventListener("abort", stop);
      resolve(value);
    });
    signal?.addEventListener("abort", stop, { once: true });
  });
}

interface WaitOptions {
  readonly signal?: AbortSignal;
}

const promisedTimers = {
  setTimeout: <T>(ms?: number, value?: T, options?: WaitOptions) =>
    later(
      (act) => {
        const timer = begin(act, ms, [], false);
        return () => timer.close();
      },
      value,
      options?.signal,
    ),
  setImmediate: <T>(value?: T, options?: WaitOptions) =>
    later(
      (act) => {
        const event = plainTimers.setImmediate(act);
        return () => plainTimers.clearImmediate(event);
      },
      value,
      options?.signal,
    ),
};

/** A date that knows the simulated time. */
class SimulatedDate extends Date {
  // oxlint-disable-next-line typescript/no-explicit-any -- as the constructor of Date takes them
  constructor(...args: any[]) {
    if (args.length === 0) super(now().timeline.wallMs());
    else super(...(args as [number]));
  }

  static override now(): number {
    return now().timeline.wallMs();
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function randomUUID(): crypto.UUID {
  const bytes = now().chance.draw(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const text = hex(bytes);
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`;
}

/** PKCS #8 of an Ed25519 key, up to its 32 bytes (RFC 8410). */
const keyPrefix = Buffer.from("302e020100300506032b657004220420", "hex");

const { argon2Sync } = crypto;

const simulatedCrypto = {
  randomUUID,
  randomBytes(count: number, tell?: (error: null, bytes: Buffer) => void) {
    const bytes = now().chance.draw(Buffer.alloc(count));
    if (tell === undefined) return bytes;
    now().timeline.at(0, () => tell(null, bytes));
    return undefined;
  },
  randomFillSync: <T extends Uint8Array>(bytes: T): T => now().chance.draw(bytes),
  randomInt(from: number, to?: number) {
    return to === undefined ? now().chance.below(from) : from + now().chance.below(to - from);
  },
  generateKeyPairSync(type: string) {
    if (type !== "ed25519") throw new Error(`keys of the kind ${type} are not simulated`);
    const key = Buffer.concat([keyPrefix, now().chance.draw(Buffer.alloc(32))]);
    const privateKey = crypto.createPrivateKey({ key, format: "der", type: "pkcs8" });
    return { privateKey, publicKey: crypto.createPublicKey(privateKey) };
  },
  argon2(
    algorithm: "argon2id",
    parameters: Parameters<typeof argon2Sync>[1],
    tell: (error: Error | null, tag?: Buffer) => void,
  ) {
    // As an event of its own, because it is one outside as well. Cheap, because what it costs is not what is simulated.
    const tag = argon2Sync(algorithm, { ...parameters, memory: 8 * parameters.parallelism, passes: 1 });
    now().timeline.soon(20, 60, () => tell(null, tag));
  },
};

const steadyUtilization = { idle: 0, active: 0, utilization: 0 };
const emptyHistogram = {
  enable: () => true,
  disable: () => true,
  reset() {},
  mean: 1e7,
  max: 1e7,
  percentile: () => 1e7,
};

/** Gives everything in this process that asks Node for time or chance the simulated ones. */
export function openTimeDoors(): void {
  Object.assign(globalThis, plainTimers, { Date: SimulatedDate });
  Object.assign(timers, plainTimers);
  Object.assign(timersPromises, promisedTimers);
  Object.assign(crypto, simulatedCrypto);
  Object.assign(Math, { random: () => now().chance.next() });
  const web = { randomUUID, getRandomValues: simulatedCrypto.randomFillSync };
  for (const [name, value] of Object.entries(web)) Object.defineProperty(globalThis.crypto, name, { value });
  const { subtle } = globalThis.crypto;
  for (const name of [
    "generateKey",
    "importKey",
    "exportKey",
    "sign",
    "verify",
    "encrypt",
    "decrypt",
    "digest",
  ] as const) {
    const act = subtle[name].bind(subtle) as (...args: unknown[]) => Promise<unknown>;
    Object.defineProperty(subtle, name, { value: (...args: unknown[]) => now().timeline.real(act(...args)) });
  }
  Object.defineProperty(performance, "now", { value: () => now().timeline.look() });
  Object.defineProperty(performance, "eventLoopUtilization", { value: () => steadyUtilization });
  Object.assign(perfHooks, { monitorEventLoopDelay: () => emptyHistogram });
  // What the machine has and is used of it: the same on every one.
  Object.assign(os, {
    totalmem: () => 2 ** 34,
    freemem: () => 2 ** 33,
    loadavg: () => [0, 0, 0],
    availableParallelism: () => 2,
  });
  Object.assign(v8, { getHeapStatistics: () => ({ heap_size_limit: 2 ** 32, used_heap_size: 2 ** 28 }) });
  Object.assign(process.memoryUsage, { rss: () => 2 ** 28 });
  Object.defineProperty(process, "pid", { get: () => here?.timeline.current.pid ?? 1 });
  syncBuiltinESMExports();
}
