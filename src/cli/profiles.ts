// The profiles of the command line: on which server someone is signed in, and with which tokens.
//
// 1. They stand in one file, ~/.config/charter/profiles.json (or below XDG_CONFIG_HOME), which only its user can read. It is
//    replaced whole.
// 2. A refresh token is good once, and a second use ends the session. Of several commands at a time one renews the session,
//    under a lock file; the others wait for it and take what it got.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { privateFileMode } from "../kernel/file-modes.ts";
import { Client } from "./client.ts";
import { fieldNumber, fieldText, recordOf } from "./record.ts";
import { RefusalError } from "./refusal.ts";
import { UsageError } from "./syntax.ts";

/** A session on a server. */
export interface Profile {
  /** The server's URL, as `Client.url` spells it. */
  readonly url: string;
  readonly username: string;
  readonly accessToken: string;
  /** When the access token ends, ISO 8601. */
  readonly expiresAt: string;
  readonly refreshToken?: string;
}

/** How long before its end a token is renewed, milliseconds: longer than one request and the difference of two clocks. */
const renewBeforeMs = 60_000;
/** How long a renewal may take, milliseconds: less than its lock is believed. */
const renewalMs = 20_000;
/** How long a lock is believed, milliseconds; what holds it longer was killed. */
const lockLifeMs = 30_000;
/** How often a waiting command looks at the lock again, milliseconds. */
const lockPauseMs = 50;

/** The profiles of the user who runs the command. */
export class Profiles {
  readonly #file: string | undefined;
  readonly #all = new Map<string, Profile>();
  #isRead = false;

  constructor(env: Readonly<Record<string, string | undefined>>) {
    const folder = env["XDG_CONFIG_HOME"] || (env["HOME"] && join(env["HOME"], ".config"));
    this.#file = folder ? join(folder, "charter", "profiles.json") : undefined;
  }

  /** Where they are kept. @throws UsageError for a user without a home. */
  get file(): string {
    if (this.#file === undefined) throw new UsageError("HOME is not set, so there is no place to keep a session");
    return this.#file;
  }

  /** A profile; undefined when no one is signed in under that name. */
  find(name: string): Profile | undefined {
    if (!this.#isRead) this.#read();
    return this.#all.get(name);
  }

  /** Keeps a profile under a name. */
  async keep(name: string, profile: Profile): Promise<void> {
    checkName(name);
    await this.#locked(() => this.#write(() => this.#all.set(name, profile)));
  }

  /** Forgets a profile. */
  async forget(name: string): Promise<void> {
    await this.#locked(() => this.#write(() => this.#all.delete(name)));
  }

  /**
   * The access token of a profile, renewed when it is about to end.
   * @throws RefusalError when the session has ended, or someone else has signed in under its name meanwhile.
   */
  async token(name: string, { url, username }: Pick<Profile, "url" | "username">): Promise<string> {
    const known = this.find(name);
    if (known !== undefined && isFresh(known)) return known.accessToken;
    return this.#locked(async () => {
      // Another command may have renewed it while this one waited.
      this.#read();
      const profile = this.#all.get(name);
      if (profile?.url !== url || profile.username !== username) {
        throw signedOut(`the session of profile ${name} on ${url} has ended`);
      }
      if (isFresh(profile)) return profile.accessToken;
      const next = await renewed(name, profile);
      await this.#write(() => this.#all.set(name, next));
      return next.accessToken;
    });
  }

  #read(): void {
    this.#isRead = true;
    this.#all.clear();
    for (const [name, value] of Object.entries(recordOf(this.#file === undefined ? {} : parsed(this.#file)))) {
      const [url, username] = [fieldText(value, "url"), fieldText(value, "username")];
      const [accessToken, expiresAt] = [fieldText(value, "access_token"), fieldText(value, "expires_at")];
      if (url === undefined || username === undefined || accessToken === undefined || expiresAt === undefined) continue;
      const refreshToken = fieldText(value, "refresh_token");
      this.#all.set(name, {
        url,
        username,
        accessToken,
        expiresAt,
        ...(refreshToken !== undefined && { refreshToken }),
      });
    }
  }

  async #write(change: () => void): Promise<void> {
    this.#read();
    change();
    const { replaceFile } = await import("../durable-files/index.ts");
    const shown = [...this.#all].map(([name, { url, username, accessToken, expiresAt, refreshToken }]) => [
      name,
      { url, username, access_token: accessToken, expires_at: expiresAt, refresh_token: refreshToken },
    ]);
    const text = `${JSON.stringify(Object.fromEntries(shown), null, 2)}\n`;
    await replaceFile(this.file, Buffer.from(text), privateFileMode);
  }

  async #locked<T>(work: () => Promise<T>): Promise<T> {
    const lock = `${this.file}.lock`;
    const { makeFolder } = await import("../durable-files/index.ts");
    await makeFolder(dirname(lock));
    const mine = randomUUID();
    while (!(await taken(lock, mine))) {
      const ageMs = Date.now() - ((await stat(lock).catch(() => undefined))?.mtimeMs ?? Date.now());
      // One of the future is of a clock that was set.
      if (ageMs > lockLifeMs || ageMs < -lockLifeMs) await rm(lock, { force: true });
      else await sleep(lockPauseMs);
    }
    try {
      return await work();
    } finally {
      // One that took too long may have lost it to another command.
      if ((await readFile(lock, "utf8").catch(() => "")) === mine) await rm(lock, { force: true });
    }
  }
}

/** Longest life of a token that is believed, seconds. */
const longestLifeSeconds = 365 * 24 * 3600;

/** The profile that the answer of a token endpoint makes. @throws Error where it holds no tokens. */
export function profileFrom(url: string, username: string, tokens: unknown): Profile {
  const accessToken = fieldText(tokens, "access_token") ?? "";
  const refreshToken = fieldText(tokens, "refresh_token");
  const lifeSeconds = fieldNumber(tokens, "expires_in") ?? 0;
  const isToken = (text: string): boolean => /^[\x21-\x7e]{1,16384}$/.test(text);
  if (
    !isToken(accessToken) ||
    !isToken(refreshToken ?? "-") ||
    !(lifeSeconds > 0 && lifeSeconds <= longestLifeSeconds)
  ) {
    throw new Error(`${url} answers with no tokens, so it may be no Charter`);
  }
  const expiresAt = new Date(Date.now() + 1000 * lifeSeconds).toISOString();
  return { url, username, accessToken, expiresAt, ...(refreshToken !== undefined && { refreshToken }) };
}

function isFresh({ expiresAt }: Profile): boolean {
  return Date.parse(expiresAt) - Date.now() > renewBeforeMs;
}

async function renewed(name: string, { url, username, refreshToken }: Profile): Promise<Profile> {
  if (refreshToken === undefined) throw signedOut(`the session of profile ${name} has ended`);
  const client = new Client(url);
  try {
    const form = new URLSearchParams({ grant_type: "refresh_token", refresh_token: refreshToken });
    const headers = { "content-type": "application/x-www-form-urlencoded", accept: "application/json" };
    const signal = AbortSignal.timeout(renewalMs);
    const request = { method: "POST", path: "/api/v1/auth/token", headers, body: form.toString(), signal } as const;
    const { body } = await client.open(request);
    return profileFrom(url, username, JSON.parse((await buffer(body)).toString("utf8")));
  } catch (error) {
    if (!(error instanceof RefusalError) || error.status >= 500 || error.status === 429) throw error;
    throw signedOut(`the session of profile ${name} on ${url} has ended`);
  } finally {
    client.close();
  }
}

function signedOut(detail: string): RefusalError {
  const title = "You are not signed in.";
  return new RefusalError(401, { title, status: 401, code: "client.signed_out", detail, remedy: "charter login" });
}

function checkName(name: string): void {
  if (!/^[A-Za-z0-9][\w.-]{0,63}$/.test(name)) {
    throw new UsageError("--profile takes up to 64 letters, digits, dots, dashes and underscores");
  }
}

async function taken(lock: string, by: string): Promise<boolean> {
  try {
    await writeFile(lock, by, { flag: "wx", mode: privateFileMode });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function parsed(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`);
  }
}
