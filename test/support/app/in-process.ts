// A whole Charter in this process, on a data folder of its own, spoken to over HTTP like any other.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startCharter } from "../../../src/app/start.ts";
import type { Charter } from "../../../src/app/start.ts";
import { loadConfig } from "../../../src/config/index.ts";
import type { Clock } from "../../../src/kernel/clock.ts";
import { silentLog } from "../../../src/kernel/ctx.ts";
import type { PrincipalKind, Role } from "../../../src/kernel/ctx.ts";
import { expectConform, wayTo } from "../http/prism.ts";

/** An answer with its body read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  readonly json: any;
}

/** How one request is made. */
export interface Ask {
  readonly method?: string;
  /** The caller's key; the admin's when absent, none when null. */
  readonly key?: string | null;
  readonly headers?: Record<string, string>;
  /** Sent as JSON when an object, as it is otherwise. */
  readonly body?: unknown;
}

/** A running Charter and a way to talk to it. */
export interface TestCharter extends AsyncDisposable {
  readonly url: string;
  readonly adminKey: string;
  readonly dataDir: string;
  ask(path: string, ask?: Ask): Promise<Answer>;
  /** A new key of a kind, with the role of its kind when none is named. */
  keyFor(kind: PrincipalKind, product?: string, role?: Role): Promise<string>;
  /** Number of leaves in the ledger. */
  ledgerSize(): Promise<number>;
  /** Stops and starts on the same data. */
  restart(): Promise<void>;
}

/** What differs from an ordinary start. */
export interface TestOptions {
  readonly flags?: Record<string, string>;
  readonly clock?: Clock;
  /** A data folder that outlives this Charter. */
  readonly dataDir?: string;
}

/** Starts a Charter; disposing of it stops it and removes its data. */
export async function startTestCharter(options: TestOptions = {}): Promise<TestCharter> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "charter-test-")));
  // Tests ask faster than people, and their own work delays the server's loop; those of the limits choose for themselves.
  const ordinary = { "rate-factor": "10000", "max-event-loop-delay-ms": "0" };
  const flags = { port: "0", data: dataDir, ...ordinary, ...options.flags };
  const { config } = loadConfig({ flags, env: {}, cwd: dataDir, readFile: () => undefined });
  const start = (): Promise<Charter> =>
    startCharter(config, { version: "0.0.0-test", log: silentLog, ...(options.clock ? { clock: options.clock } : {}) });
  let charter = await start();
  const adminKey = charter.adminKey ?? "";

  const ask = async (path: string, { method, key, headers, body }: Ask = {}): Promise<Answer> => {
    const credential = key === undefined ? adminKey : key;
    const isJson = typeof body === "object" && body !== null && !(body instanceof Uint8Array);
    const way = wayTo(charter.url);
    const response = await fetch(`${way.url}${path}`, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: {
        ...(credential === null ? {} : { authorization: `Bearer ${credential}` }),
        ...(isJson ? { "content-type": "application/json" } : {}),
        ...headers,
        ...way.headers,
      },
      ...(body === undefined
        ? {}
        : { body: isJson ? JSON.stringify(body) : (body as string | Uint8Array<ArrayBuffer>) }),
    });
    const text = await response.text();
    expectConform((name) => response.headers.get(name));
    return { status: response.status, headers: response.headers, text, json: jsonOf(text) };
  };

  return {
    get url() {
      return charter.url;
    },
    adminKey,
    dataDir,
    ask,
    async keyFor(kind, product, role) {
      const { json } = await ask("/v1/keys", { body: { kind, product, role } });
      return json.key;
    },
    async ledgerSize() {
      const { text } = await ask("/ledger/checkpoint", { key: null });
      return Number(text.split("\n")[1]);
    },
    async restart() {
      await charter.close();
      charter = await start();
    },
    async [Symbol.asyncDispose]() {
      await charter.close();
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The envelope of an ordinary artifact, with what a test changes. */
export function envelope(fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    product_id: "AI_ASSISTANT",
    artifact_type: "ConversationArtifact",
    payload: { said: "hello" },
    ...fields,
  };
}
