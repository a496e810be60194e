// A process that sends one file to a server as a streamed artifact, or fetches one into a file, hashing what it gets.
// Prints one line of JSON at the end.
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { Client } from "undici";

/** Bytes read or written at a time. */
const chunkBytes = 256 * 1024;

/** What the process is asked for. */
export interface StreamLoad {
  readonly url: string;
  readonly key: string;
  readonly file: string;
  /** Path of the request. */
  readonly path: string;
  readonly direction: "send" | "fetch";
}

/** What it answers. */
export interface StreamResult {
  readonly seconds: number;
  readonly artifactId: string;
  /** SHA-256 of the content, hex: as the server says it, or as the fetched bytes hash. */
  readonly sha256: string;
}

async function send(client: Client, { key, file, path }: StreamLoad): Promise<StreamResult> {
  const { size } = await stat(file);
  const headers = {
    authorization: `Bearer ${key}`,
    "content-type": "application/octet-stream",
    "content-length": String(size),
  };
  const started = performance.now();
  const body = createReadStream(file, { highWaterMark: chunkBytes });
  const answer = await client.request({ method: "POST", path, headers, body });
  const text = await answer.body.text();
  const seconds = (performance.now() - started) / 1000;
  if (answer.statusCode !== 201) throw new Error(`the upload was answered ${answer.statusCode}: ${text}`);
  const { artifact } = JSON.parse(text) as { artifact: { artifact_id: string; content_hash: string } };
  return { seconds, artifactId: artifact.artifact_id, sha256: artifact.content_hash.slice("sha256:".length) };
}

async function fetchInto(client: Client, { key, file, path }: StreamLoad): Promise<StreamResult> {
  const started = performance.now();
  const answer = await client.request({ method: "GET", path, headers: { authorization: `Bearer ${key}` } });
  if (answer.statusCode !== 200) throw new Error(`the download was answered ${answer.statusCode}`);
  const hash = createHash("sha256");
  const hashed = async function* (bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of bytes) {
      hash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(answer.body, hashed, createWriteStream(file, { highWaterMark: chunkBytes }));
  const sha256 = hash.digest("hex");
  return { seconds: (performance.now() - started) / 1000, artifactId: path, sha256 };
}

if (import.meta.main) {
  const asked = JSON.parse(process.argv[2] ?? "") as StreamLoad;
  const client = new Client(asked.url);
  console.log(JSON.stringify(await (asked.direction === "send" ? send : fetchInto)(client, asked)));
  await client.close();
}
