// TLS of the server itself. Promises:
//
// 1. A pair that cannot serve (unreadable, mismatching, expired, not yet valid) is refused at the start, in one sentence.
// 2. A pair that is replaced is used for new connections without a restart; those that are open go on. A replacement that
//    cannot serve is logged and the pair in use stays.
// 3. TLS 1.3 or 1.2, authenticated encryption with forward secrecy only. Plain HTTP is answered with a hint.
import { constants, createPrivateKey, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import type { Server as HttpsServer, ServerOptions } from "node:https";
import type { Socket } from "node:net";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";

/** TLS 1.2 suites of Mozilla's "intermediate" list (server-side TLS guidelines 5.7), after those of TLS 1.3. */
const ciphers = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** Longest handshake, milliseconds; also how long a connection may stay without a first byte. */
const handshakeMs = 10_000;

/** The first byte of every TLS connection: a handshake record (RFC 8446 section 5.1). */
const handshakeRecord = 0x16;

/** From how long before its end an expiring certificate is mentioned in the log, milliseconds: 30 days. */
const expiringMs = 30 * 24 * 60 * 60 * 1000;

/** The two files and how often they are looked at. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly pollMs: number;
}

/** A pair that can serve. */
interface Pair {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly validTo: Date;
  /** What tells this version of the files from another. */
  readonly version: string;
}

/** TLS as a server needs it. */
export interface Tls {
  /** Options for the HTTPS server. */
  readonly options: ServerOptions;
  /** Follows changes of the files, until disposed of. */
  follow(server: HttpsServer): Disposable;
}

/** Reads the pair. @throws Error with a sentence for the operator when it cannot serve. */
export async function openTls(files: TlsFiles, clock: Clock, log: Log): Promise<Tls> {
  let pair = await readPair(files, clock);
  mentionExpiry(pair, clock, log);
  return {
    options: { ...contextOf(pair), ALPNProtocols: ["http/1.1"], handshakeTimeout: handshakeMs },
    follow(server) {
      let seen = pair.version;
      const look = async (): Promise<void> => {
        const version = await versionOf(files).catch(() => "unreadable");
        if (version === seen) return;
        seen = version;
        try {
          pair = await readPair(files, clock);
          // Between the two looks at the files they may have changed again; then the next poll sees it.
          seen = pair.version;
          server.setSecureContext(contextOf(pair));
          log.info({ validTo: pair.validTo.toISOString() }, "serving with the new certificate");
          mentionExpiry(pair, clock, log);
        } catch (error) {
          log.error({ err: error }, "the new certificate cannot be used; the one in use stays");
        }
      };
      let looking = Promise.resolve();
      const timer = setInterval(() => (looking = looking.then(look)), files.pollMs).unref();
      return { [Symbol.dispose]: () => clearInterval(timer) };
    },
  };
}

/**
 * Lets a server tell TLS from plain text by a connection's first byte; `plain` is given connections that speak the latter,
 * which OpenSSL would cut without a word.
 */
export function answerPlainText(server: HttpsServer, plain: (socket: Socket) => void): void {
  const handshakes = server.listeners("connection");
  const [handshake] = handshakes;
  if (handshakes.length !== 1 || handshake === undefined) throw new Error("the server has other listeners already");
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    const silent = setTimeout(() => socket.destroy(), handshakeMs).unref();
    const ignore = (): void => {};
    socket.once("close", () => clearTimeout(silent)).on("error", ignore);
    socket.once("data", (first: Buffer) => {
      clearTimeout(silent);
      if (first[0] !== handshakeRecord) plain(socket);
      else {
        socket.pause();
        socket.unshift(first);
        socket.removeListener("error", ignore);
        handshake.call(server, socket);
      }
    });
  });
}

function contextOf({ cert, key }: Pair): ServerOptions {
  return {
    cert,
    key,
    minVersion: "TLSv1.2",
    ciphers,
    honorCipherOrder: true,
    // A renegotiation costs the client little and the server a handshake.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  };
}

async function versionOf({ certFile, keyFile }: TlsFiles): Promise<string> {
  const both = await Promise.all([certFile, keyFile].map((file) => stat(file, { bigint: true })));
  return both.map(({ ino, mtimeNs, size }) => `${ino}:${mtimeNs}:${size}`).join(" ");
}

async function readPair(files: TlsFiles, clock: Clock): Promise<Pair> {
  const { certFile, keyFile } = files;
  const version = await versionOf(files).catch((error: unknown) => refuse(wordsFor(error), error));
  const [cert, key] = await Promise.all([certFile, keyFile].map((file) => readFile(file))).catch((error: unknown) =>
    refuse(wordsFor(error), error),
  );
  if (cert === undefined || key === undefined) throw new Error("both files were asked for");
  const leaf = attempt(() => new X509Certificate(cert), `${certFile} holds no certificate in PEM form`);
  const privateKey = attempt(
    () => createPrivateKey(key),
    `${keyFile} holds no private key in PEM form without a passphrase`,
  );
  if (!leaf.checkPrivateKey(privateKey)) {
    refuse(`the key in ${keyFile} is not the key of the first certificate in ${certFile}`);
  }
  const nowMs = clock.nowMs();
  if (leaf.validToDate.getTime() <= nowMs) {
    refuse(`the certificate in ${certFile} expired on ${leaf.validToDate.toISOString()}`);
  }
  if (leaf.validFromDate.getTime() > nowMs) {
    refuse(`the certificate in ${certFile} is valid only from ${leaf.validFromDate.toISOString()}`);
  }
  return { cert, key, validTo: leaf.validToDate, version };
}

function mentionExpiry({ validTo }: Pair, clock: Clock, log: Log): void {
  if (validTo.getTime() - clock.nowMs() > expiringMs) return;
  log.warn({ validTo: validTo.toISOString() }, "the certificate expires in less than 30 days");
}

function attempt<T>(read: () => T, sentence: string): T {
  try {
    return read();
  } catch (error) {
    return refuse(sentence, error);
  }
}

function wordsFor(error: unknown): string {
  const { code, path } = error as NodeJS.ErrnoException;
  return `${path ?? "a file"} cannot be read (${code ?? "unknown error"})`;
}

function refuse(sentence: string, cause?: unknown): never {
  throw new Error(`TLS: ${sentence}`, cause === undefined ? undefined : { cause });
}
