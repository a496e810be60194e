// Bytes on a bare socket: requests that no HTTP client would send, and whatever comes back for them.
import { connect } from "node:net";

/** One answer as it came over the wire. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** What came back for some bytes. */
export interface WireOutcome {
  readonly answers: readonly WireAnswer[];
  /** Bytes that are no HTTP answer. */
  readonly rest: Buffer;
  /** The server neither answered to the end nor closed within the time. */
  readonly hung: boolean;
  /** The server was silent for so long that the sending side was ended, after which it answers nothing that it has begun. */
  readonly gaveUp: boolean;
}

/** Silence after which the sending side is ended, milliseconds: the server is waiting for bytes that never come. */
const silenceMs = 700;

/**
 * Sends bytes and reads until the server closes. `isHead` says that answers have no bodies. Never rejects: a reset is an
 * end like any other.
 */
export async function sendBytes(
  url: string,
  pieces: readonly Buffer[],
  isHead: boolean,
  patienceMs: number,
): Promise<WireOutcome> {
  const { hostname, port } = new URL(url);
  const chunks: Buffer[] = [];
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ port: Number(port), host: hostname, noDelay: true });
  const late = setTimeout(() => resolve(true), patienceMs);
  let gaveUp = false;
  socket.setTimeout(silenceMs, () => {
    gaveUp = true;
    socket.end();
  });
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.on("error", () => {});
  socket.on("close", () => resolve(false));
  for (const piece of pieces) socket.write(piece);
  const hung = await promise;
  clearTimeout(late);
  socket.destroy();
  return { ...readAnswers(Buffer.concat(chunks), isHead), hung, gaveUp };
}

function readAnswers(bytes: Buffer, isHead: boolean): { answers: WireAnswer[]; rest: Buffer } {
  const answers: WireAnswer[] = [];
  let rest = bytes;
  for (;;) {
    const headEnd = rest.indexOf("\r\n\r\n");
    const status = /^HTTP\/1\.1 (\d{3})/.exec(rest.toString("latin1", 0, 16))?.[1];
    if (headEnd < 0 || status === undefined) return { answers, rest };
    const [, ...lines] = rest.toString("latin1", 0, headEnd).split("\r\n");
    const headers = new Map(
      lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
    );
    const after = rest.subarray(headEnd + 4);
    const isEmpty = isHead || status === "304" || status === "204" || status.startsWith("1");
    const { body, end } = isEmpty ? { body: Buffer.alloc(0), end: 0 } : bodyOf(headers, after);
    rest = after.subarray(end);
    if (!status.startsWith("1")) answers.push({ status: Number(status), headers, body });
  }
}

function bodyOf(headers: ReadonlyMap<string, string>, bytes: Buffer): { body: Buffer; end: number } {
  if (headers.get("transfer-encoding") !== "chunked") {
    const length = Number(headers.get("content-length") ?? bytes.length);
    return { body: bytes.subarray(0, length), end: length };
  }
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    const length = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    if (lineEnd < 0 || !(length >= 0)) return { body: Buffer.concat(parts), end: bytes.length };
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + length));
    at = lineEnd + 2 + length + 2;
    if (length === 0) return { body: Buffer.concat(parts), end: at };
  }
}
