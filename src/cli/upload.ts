// Sends one file to the depository: its digest first, then its bytes, again when the connection breaks.
import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, open, rm, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Readable, Transform } from "node:stream";
import { buffer } from "node:stream/consumers";
import { privateFileMode } from "../kernel/file-modes.ts";
import { pathOf, withRetries } from "./client.ts";
import type { Client } from "./client.ts";
import type { Io } from "./io.ts";

/** How an upload is described to the server. */
export interface UploadTerms {
  readonly product: string;
  readonly type: string;
  readonly tags: readonly string[];
  readonly derivedFrom: readonly string[];
  readonly retentionClass: string | undefined;
  /** JSON text of an object. */
  readonly metadata: string | undefined;
  readonly mediaType: string;
  readonly idempotencyKey: string | undefined;
}

/** Bytes that can be read more than once, and how many they are. */
export interface UploadFile extends AsyncDisposable {
  /** The name it was given on the command line. */
  readonly name: string;
  readonly sizeBytes: number;
  /** The bytes from the beginning. */
  read(): Readable;
}

/** Bytes read at once. */
const pieceBytes = 1 << 18;

/** Finds a file; `-` is stdin, kept in a temporary file because its digest is sent before its bytes. */
export async function openUpload(io: Io, name: string): Promise<UploadFile> {
  if (name === "-") return spoolStdin(io);
  const path = resolve(io.cwd, name);
  const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new Error(error.code === "ENOENT" ? "there is no such file" : `cannot be read (${error.code})`, {
      cause: error,
    });
  });
  if (!info.isFile()) throw new Error(info.isDirectory() ? "is a folder; name its files" : "is not a regular file");
  const read = (): Readable => createReadStream(path, { highWaterMark: pieceBytes });
  return { name, sizeBytes: info.size, read, [Symbol.asyncDispose]: async () => {} };
}

/** The temporary file loses its name before it has any content, so that nothing of it outlives this process. */
async function spoolStdin(io: Io): Promise<UploadFile> {
  const folder = await mkdtemp(join(tmpdir(), "charter-put-"));
  const file = await open(join(folder, "stdin"), "wx+", privateFileMode).finally(() => rm(folder, { recursive: true }));
  try {
    for await (const piece of io.stdin) await file.writeFile(piece);
    const { size } = await file.stat();
    const read = (): Readable => Readable.from(piecesOf(file), { objectMode: false });
    return { name: "-", sizeBytes: size, read, [Symbol.asyncDispose]: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function* piecesOf(file: FileHandle): AsyncGenerator<Buffer> {
  for (let position = 0; ;) {
    const { bytesRead, buffer: piece } = await file.read({ buffer: Buffer.allocUnsafe(pieceBytes), position });
    if (bytesRead === 0) return;
    position += bytesRead;
    yield piece.subarray(0, bytesRead);
  }
}

/** Stores a file; resolves with the server's answer. `onBytes` counts bytes as they leave, negative when an attempt starts over. */
export async function upload(
  client: Client,
  file: UploadFile,
  terms: UploadTerms,
  onBytes: (count: number) => void,
  onRetry: (reason: string) => void,
): Promise<unknown> {
  const digest = await digestOfFile(file);
  const headers: Record<string, string> = {
    "content-type": terms.mediaType,
    "content-length": String(file.sizeBytes),
    "content-digest": `sha-256=:${digest}:`,
    "repr-digest": `sha-256=:${digest}:`,
    "idempotency-key": terms.idempotencyKey ?? randomUUID(),
    accept: "application/json",
  };
  if (terms.metadata !== undefined) headers["charter-metadata"] = Buffer.from(terms.metadata).toString("base64url");
  const { product, type, tags, derivedFrom, retentionClass } = terms;
  const path = pathOf("/v1/artifacts", {
    product,
    type,
    tag: tags,
    derived_from: derivedFrom,
    retention_class: retentionClass,
  });
  return withRetries(async () => {
    let sentBytes = 0;
    const count = (bytes: number): void => {
      sentBytes += bytes;
      onBytes(bytes);
    };
    try {
      const answer = await client.open({ method: "POST", path, headers, body: fileBody(file, count) });
      return JSON.parse((await buffer(answer.body)).toString("utf8")) as unknown;
    } catch (error) {
      onBytes(-sentBytes);
      throw error;
    }
  }, onRetry);
}

async function digestOfFile(file: UploadFile): Promise<string> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for await (const piece of file.read() as AsyncIterable<Buffer>) {
    hash.update(piece);
    sizeBytes += piece.length;
  }
  if (sizeBytes !== file.sizeBytes) throw new Error("changed while it was read");
  return hash.digest("base64");
}

/** The bytes of a file, exactly as many as its Content-Length says, counted as they leave. */
function fileBody(file: UploadFile, onBytes: (count: number) => void): Transform {
  let leftBytes = file.sizeBytes;
  const body = new Transform({
    highWaterMark: pieceBytes,
    transform(piece: Buffer, _encoding, done) {
      leftBytes -= piece.length;
      onBytes(piece.length);
      done(leftBytes < 0 ? new Error("grew while it was sent") : null, piece);
    },
    flush: (done) => done(leftBytes > 0 ? new Error("shrank while it was sent") : null),
  });
  const source = file.read();
  source.on("error", (error) => body.destroy(error));
  body.on("close", () => source.destroy());
  return source.pipe(body);
}
