// Where a log is read from: a folder in the layout of C2SP tlog-tiles, or the same layout below an HTTP prefix.
// Every read has a size limit, every request a time limit; a resource that is not there is `undefined`, one that is longer
// than any may be an OverlongError, anything else that goes wrong an UnreadableError: it says nothing about the log.
import { open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

/** How long one HTTP request may take, milliseconds: a 16 MiB bundle over a slow line. */
const requestTimeoutMs = 60_000;
/** How often a request is made that is told to come later (429, 503). */
const maxBusyAttempts = 8;
/** How often a request is made whose connection breaks. */
const maxBrokenAttempts = 3;
/** Longest pause that a server may ask for, seconds. */
const maxRetryAfterSeconds = 30;

/** The source exists but could not be read; whether what it holds is right stays open. */
export class UnreadableError extends Error {
  override readonly name = "UnreadableError";
  /** The source answered that this reader may not read it (HTTP 401 or 403). */
  readonly refused: boolean;

  constructor(message: string, options: ErrorOptions & { readonly refused?: boolean } = {}) {
    super(message, options);
    this.refused = options.refused === true;
  }
}

/** The source gave more than a resource of its kind may hold. */
export class OverlongError extends Error {
  override readonly name = "OverlongError";
}

/** Reads the resources of one log by their path below its prefix. */
export interface Source {
  /** The bytes, or undefined when there is no such resource. @throws UnreadableError, OverlongError */
  read(path: string, maxBytes: number): Promise<Buffer | undefined>;
  /** The folder, when the log is one on this machine. */
  readonly folder?: string;
}

/** Opens a log by its folder or its `http(s)://` prefix; headers go with every request and never to another place. */
export function openSource(place: string, headers: Readonly<Record<string, string>> = {}): Source {
  if (!/^https?:\/\//i.test(place))
    return { folder: place, read: (path, max) => readFileBounded(join(place, path), max) };
  const prefix = place.endsWith("/") ? place : `${place}/`;
  return { read: (path, maxBytes) => fetchBounded(new URL(path, prefix), maxBytes, headers) };
}

/** Reads a whole file of at most `maxBytes`; undefined when it does not exist. @throws UnreadableError, OverlongError */
async function readFileBounded(path: string, maxBytes: number): Promise<Buffer | undefined> {
  try {
    await using file = await open(path, "r");
    const { size } = await file.stat();
    if (size > maxBytes) throw new OverlongError(`${path} is larger than ${maxBytes} bytes`);
    return await file.readFile();
  } catch (error) {
    if (error instanceof OverlongError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new UnreadableError(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

async function fetchBounded(
  url: URL,
  maxBytes: number,
  headers: Readonly<Record<string, string>>,
): Promise<Buffer | undefined> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await fetchOnce(url, maxBytes, headers);
    if (!("retry" in outcome)) return outcome.body;
    if (attempt >= outcome.maxAttempts) throw new UnreadableError(`${url.href}: ${outcome.reason}`);
    await wait(Math.min(outcome.retry ?? 2 ** attempt / 10, maxRetryAfterSeconds) * 1000);
  }
}

/** The answer, or why and how soon (seconds) to ask again. */
type Fetched =
  | { readonly body: Buffer | undefined }
  | { readonly retry: number | undefined; readonly reason: string; readonly maxAttempts: number };

async function fetchOnce(url: URL, maxBytes: number, headers: Readonly<Record<string, string>>): Promise<Fetched> {
  const signal = AbortSignal.timeout(requestTimeoutMs);
  try {
    // Redirects are refused: a credential belongs to the address it was given for.
    const response = await fetch(url, { headers, signal, redirect: "error" });
    if (response.status === 404) return { body: await nothing(response) };
    if (response.status === 429 || response.status === 503) {
      const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
      await nothing(response);
      return {
        retry: Number.isFinite(seconds) ? seconds : undefined,
        reason: `answered ${response.status}`,
        maxAttempts: maxBusyAttempts,
      };
    }
    if (response.status !== 200) {
      await nothing(response);
      const refused = response.status === 401 || response.status === 403;
      throw new UnreadableError(`${url.href} answered ${response.status}`, { refused });
    }
    return { body: await bodyBounded(response, maxBytes, url) };
  } catch (error) {
    if (error instanceof UnreadableError || error instanceof OverlongError) throw error;
    const cause = (error as Error).cause;
    const reason = cause instanceof Error ? cause.message : (error as Error).message;
    return { retry: undefined, reason, maxAttempts: maxBrokenAttempts };
  }
}

async function nothing(response: Response): Promise<undefined> {
  await response.body?.cancel();
}

async function bodyBounded(response: Response, maxBytes: number, url: URL): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of response.body ?? []) {
    sizeBytes += part.length;
    if (sizeBytes > maxBytes) throw new OverlongError(`${url.href} gave more than ${maxBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
