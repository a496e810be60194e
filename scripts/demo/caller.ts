// Speaking to the server: over HTTP as a client would, and through the `charter` command as a person would.
import { spawn } from "node:child_process";
import { request } from "node:http";
import { launcher } from "../../test/support/servers/throwaway.ts";
import { plainEnv } from "../../test/support/app/charter.ts";

/** An answer with its body read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; an empty object when it is none. */
  readonly json: Record<string, unknown>;
}

/** How one request is made. */
export interface Ask {
  readonly method?: string;
  /** The caller's key; none when absent. */
  readonly key?: string;
  readonly headers?: Record<string, string>;
  /** Sent as JSON unless it is bytes. */
  readonly body?: object;
}

/** Sends one request. */
export async function ask(url: string, path: string, { method, key, headers, body }: Ask): Promise<Answer> {
  const isJson = body !== undefined && !(body instanceof Uint8Array);
  const response = await fetch(`${url}${path}`, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(isJson ? { "content-type": "application/json" } : {}),
      ...headers,
    },
    ...(body === undefined ? {} : { body: isJson ? JSON.stringify(body) : (body as Uint8Array<ArrayBuffer>) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: objectOf(text) };
}

/** Announces a body of some length and sends none of it; the server has to answer from the announcement alone. */
export function announce(url: string, path: string, key: string, type: string, sizeBytes: number): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const headers = { authorization: `Bearer ${key}`, "content-type": type, "content-length": sizeBytes };
  const call = request(`${url}${path}`, { method: "POST", headers });
  call.once("error", reject);
  call.once("response", (response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (piece: string) => (text += piece));
    response.once("end", () => {
      resolve({ status: response.statusCode ?? 0, headers: new Headers(), text, json: objectOf(text) });
      call.destroy();
    });
  });
  call.flushHeaders();
  return promise;
}

function objectOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** What a program printed and how it ended. */
export interface Ran {
  readonly status: number | null;
  readonly output: string;
}

/** Runs a program to its end. */
export function runProgram(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<Ran> {
  const { promise, resolve, reject } = Promise.withResolvers<Ran>();
  const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece) => (output += String(piece)));
  child.once("error", reject);
  child.once("close", (status) => resolve({ status, output: output.trim() }));
  return promise;
}

/** Runs `charter` with a server and a key, or with neither. */
export function charter(args: readonly string[], cwd: string, server?: { url: string; key: string }): Promise<Ran> {
  const env = plainEnv(server === undefined ? {} : { CHARTER_URL: server.url, CHARTER_KEY: server.key });
  return runProgram(process.execPath, [launcher, ...args], env, cwd);
}
