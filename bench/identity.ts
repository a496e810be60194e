// What does knowing who calls cost? Tokens verified per second, a read with and without authentication, a login next to the
// password hash in it, and what one guesser of passwords costs everyone else.
import { argon2, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { importJWK, jwtVerify, SignJWT } from "jose";
import { Client } from "undici";
import { openDatabase } from "../src/db/index.ts";
import { identityMigrations, openOAuth } from "../src/identity/index.ts";
import { currentParameters } from "../src/identity/users/password-hash.ts";
import { systemClock } from "../src/kernel/clock.ts";
import { silentLog } from "../src/kernel/ctx.ts";
import { startThrowaway } from "../test/support/servers/throwaway.ts";
import type { Throwaway } from "../test/support/servers/throwaway.ts";
import { costFigure, nearestRank, numberText, rateFigure, runAlone } from "./bench.ts";
import type { Bench, Figure } from "./bench.ts";
import type { GuessLoad, GuessResult } from "./load/guesser.ts";
import { inProcess } from "./load/process.ts";
import type { ReadLoad, ReadResult } from "./load/readers.ts";

/** Tokens that have never been seen before. */
const tokenCount = 3_000;
const issuer = "http://127.0.0.1";
const memberPassword = "four quiet horses graze";
const audience = "urn:charter:api";

/** How often a second something ran that was done `count` times. */
async function perSecond(count: number, run: (i: number) => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  for (let i = 0; i < count; i++) await run(i);
  return count / ((performance.now() - begin) / 1000);
}

async function* verification(): AsyncGenerator<Figure> {
  const log = silentLog;
  const folder = await mkdtemp(join(tmpdir(), "charter-bench-"));
  await using opened = new AsyncDisposableStack();
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const db = opened.use(await openDatabase({ kind: "sqlite", file: join(folder, "charter.db") }, log));
  await db.migrate(identityMigrations);
  const status = { kind: "admin", role: "admin", product: null, disabled: false, epoch: 1 } as const;
  const accounts = {
    lesserRole: () => undefined,
    check: async () => ({ id: "usr_bench", epoch: 1 }),
    status: async () => status,
    recordLogin: async () => {},
  };
  const shared = { db, clock: systemClock, log, accounts, secret: randomBytes(32), issuer: () => issuer };
  const { keys, verifier } = await openOAuth({ ...shared, tokenAlgorithm: "EdDSA", passwordGrant: true });
  const current = await keys.current();
  if (current === undefined) throw new Error("there is no key to sign with");
  const privateKey = await importJWK(current.privateJwk, current.alg);
  const publicKey = await importJWK(current.publicJwk, current.alg);
  const token = (i: number): Promise<string> =>
    new SignJWT({ client_id: "charter", role: "admin", kind: "admin", epoch: 1 })
      .setProtectedHeader({ alg: current.alg, typ: "at+jwt", kid: current.kid })
      .setSubject("usr_bench")
      .setIssuer(issuer)
      .setAudience(audience)
      .setJti(String(i))
      .setIssuedAt()
      .setExpirationTime("30m")
      .sign(privateKey);
  const tokens = await Promise.all(Array.from({ length: 2 * tokenCount }, (_, i) => token(i)));
  const known = async (text = ""): Promise<void> => {
    if ((await verifier.verify(text)) === undefined) throw new Error("a good token was refused");
  };
  // Each in turn, so that a drift of the machine falls on both alike; the first round warms up.
  let bare = 0;
  let unseen = 0;
  for (let round = 0; round < 2; round++) {
    const from = round * tokenCount;
    bare = await perSecond(tokenCount, (i) => jwtVerify(tokens[from + i] ?? "", publicKey, { issuer, audience }));
    unseen = await perSecond(tokenCount, (i) => known(tokens[from + i]));
  }
  yield rateFigure({
    name: "tokens verified that were never seen",
    value: unseen,
    unit: "1/s",
    against: "jose alone",
    base: bare,
  });
  const seen = await perSecond(50_000, (i) => known(tokens[i % 100]));
  yield rateFigure({
    name: "tokens verified that were seen before",
    value: seen,
    unit: "1/s",
    against: "jose alone",
    base: bare,
  });
}

/** A user that may log in, and its token. */
async function member(server: Throwaway): Promise<{ readonly login: () => Promise<string> }> {
  const post = async (path: string, body: unknown, key?: string) => {
    const authorization = key === undefined ? {} : { authorization: `Bearer ${key}` };
    const headers = { "content-type": "application/json", ...authorization };
    const answer = await fetch(`${server.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
    return (await answer.json()) as Record<string, string>;
  };
  const username = "member";
  const draft = { username, email: "member@example.org", kind: "admin", role: "admin" };
  const { one_time_password: oneTimePassword } = await post("/v1/users", draft, server.adminKey);
  const password = memberPassword;
  await post("/api/v1/auth/password/change", { username, current_password: oneTimePassword, new_password: password });
  return { login: async () => (await post("/api/v1/auth/login", { username, password }))["access_token"] ?? "" };
}

async function artifactOf(server: Throwaway): Promise<string> {
  const answer = await fetch(`${server.url}/v1/artifacts`, {
    method: "POST",
    headers: { authorization: `Bearer ${server.adminKey}`, "content-type": "application/json" },
    body: JSON.stringify({ product_id: "AI_ASSISTANT", artifact_type: "ConversationArtifact", payload: "read" }),
  });
  return `/v1/artifacts/${((await answer.json()) as { artifact: { artifact_id: string } }).artifact.artifact_id}`;
}

async function* reads(rate: number, seconds: number): AsyncGenerator<Figure> {
  await using guarded = await startThrowaway();
  await using unguarded = await startThrowaway({ node: ["--import", `${import.meta.dirname}/load/unguarded.ts`] });
  const token = await (await member(guarded)).login();
  const measure = async (server: Throwaway, path: string, credential: string): Promise<ReadResult> => {
    const asked: ReadLoad = { url: server.url, path, authorization: `Bearer ${credential}`, perSecond: rate, seconds };
    const result = await inProcess<ReadResult>("readers.ts", asked);
    if (result.failed > 0) throw new Error(`${result.failed} reads failed`);
    return result;
  };
  const [path, freePath] = [await artifactOf(guarded), await artifactOf(unguarded)];
  const none = await measure(unguarded, freePath, guarded.adminKey);
  const byToken = await measure(guarded, path, token);
  const byKey = await measure(guarded, path, guarded.adminKey);
  const again = await measure(unguarded, freePath, guarded.adminKey);
  const base = Math.min(none.p95Ms, again.p95Ms);
  const against = "the same route without authentication, the better of two runs";
  const note = ({ p50Ms, p99Ms, reads: count }: ReadResult): string =>
    `p50 ${numberText(p50Ms)} ms, p99 ${numberText(p99Ms)} ms, ${count} reads; the base's two runs ${numberText(none.p95Ms)} and ${numberText(again.p95Ms)} ms`;
  for (const [name, result] of [
    ["a token", byToken],
    ["an API key", byKey],
  ] as const) {
    yield costFigure({
      name: `read with ${name} at ${rate}/s, p95`,
      value: result.p95Ms,
      unit: "ms",
      against,
      base,
      note: note(result),
    });
  }
}

async function timesOf(count: number, run: () => Promise<unknown>): Promise<Float64Array> {
  const times = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const begin = performance.now();
    await run();
    times[i] = performance.now() - begin;
  }
  return times.sort();
}

async function* logins(): AsyncGenerator<Figure> {
  await using server = await startThrowaway();
  const { login } = await member(server);
  const { memoryKib: memory, passes, parallelism } = currentParameters;
  const asked = { message: Buffer.from("four quiet horses graze"), nonce: randomBytes(16), parallelism, tagLength: 32 };
  const hash = () => promisify(argon2)("argon2id", { ...asked, memory, passes });
  await timesOf(5, login);
  const login_ = await timesOf(40, login);
  const bare = await timesOf(40, hash);
  yield costFigure({
    name: "login, median",
    value: nearestRank(login_, 0.5),
    unit: "ms",
    against: "the argon2id hash alone",
    base: nearestRank(bare, 0.5),
    note: `p95 ${numberText(nearestRank(login_, 0.95))} ms; two durable leaves, one transaction, one signature`,
  });
}

/** The times of logins of one user, each from its own address, milliseconds ascending. */
async function loginsFrom(server: Throwaway, subnet: number, count: number): Promise<Float64Array> {
  let host = 1;
  return timesOf(count, async () => {
    const client = new Client(server.url, { localAddress: `127.0.${subnet}.${host++}` });
    const headers = { "content-type": "application/json" };
    const shown = JSON.stringify({ username: "member", password: memberPassword });
    const { statusCode, body } = await client.request({
      method: "POST",
      path: "/api/v1/auth/login",
      headers,
      body: shown,
    });
    await body.dump();
    await client.close();
    if (statusCode !== 200) throw new Error(`a login was answered ${statusCode}`);
  });
}

async function* flood(attempts: number): AsyncGenerator<Figure> {
  // The limits are the ordinary ones: they are what is measured.
  await using server = await startThrowaway({ serve: ["--rate-factor", "1"] });
  const path = await artifactOf(server);
  const asked: ReadLoad = {
    url: server.url,
    path,
    authorization: `Bearer ${server.adminKey}`,
    perSecond: 200,
    seconds: 3,
  };
  await member(server);
  await loginsFrom(server, 70, 5);
  const quietLogins = await loginsFrom(server, 71, 60);
  const quiet = await inProcess<ReadResult>("readers.ts", asked);
  const guessing = inProcess<GuessResult>("guesser.ts", {
    url: server.url,
    attempts,
    connections: 32,
    localAddress: "127.0.0.66",
  } satisfies GuessLoad);
  const reading = inProcess<ReadResult>("readers.ts", asked);
  const loudLogins = await loginsFrom(server, 72, 60);
  const loud = await reading;
  const { seconds, statuses } = await guessing;
  const told = Object.entries(statuses).map(([status, count]) => `${count} x ${status}`);
  const p95 = (times: Float64Array): string => numberText(nearestRank(times, 0.95));
  yield costFigure({
    name: `other users' logins during ${attempts} password guesses from one address, median`,
    value: nearestRank(loudLogins, 0.5),
    unit: "ms",
    against: "the same logins on a quiet server",
    base: nearestRank(quietLogins, 0.5),
    note: `p95 ${p95(loudLogins)} against ${p95(quietLogins)} ms; the guesser sends as fast as it is answered, over 32 connections and on the same machine`,
  });
  yield costFigure({
    name: `other callers' reads during ${attempts} password guesses from one address, p50`,
    value: loud.p50Ms,
    unit: "ms",
    against: "the same reads on a quiet server",
    base: quiet.p50Ms,
    note: `p95 ${numberText(loud.p95Ms)} against ${numberText(quiet.p95Ms)} ms, ${loud.failed} reads failed; the guesses took ${numberText(seconds)} s: ${told.join(", ")}`,
  });
}

/** The bench. */
export const identity: Bench = {
  name: "identity",
  question: "what does knowing who calls cost?",
  options: { rate: "2000", seconds: "10", attempts: "100000" },
  async *run({ rate, seconds, attempts }): AsyncGenerator<Figure> {
    yield* verification();
    yield* reads(Number(rate), Number(seconds));
    yield* logins();
    yield* flood(Number(attempts));
  },
};

if (import.meta.main) await runAlone(identity);
