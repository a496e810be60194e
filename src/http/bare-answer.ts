// Answers written to a bare socket, for what never becomes a request or cannot be answered as one any more. They look
// like every other answer: a problem with its headers.
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Fault } from "../kernel/fault.ts";
import type { RequestId } from "../kernel/ids.ts";
import { newRequestId } from "./context.ts";
import { httpFault } from "./errors.ts";
import { securityHeaders } from "./plugins/headers.ts";
import { problemOf } from "./problem.ts";
import type { DoorServices } from "./services.ts";

/** How long a client may take to read a refusal before its connection is cut, milliseconds. */
const farewellMs = 10_000;

/** What a bare answer may need to know. */
interface BareOptions {
  /** The id of the request that is answered, where there is one. */
  readonly requestId?: RequestId | undefined;
  /** Cuts the connection as soon as the answer has left. */
  readonly isFinal?: boolean;
}

/** Writes a refusal and ends the connection. */
export function answerBare(
  services: DoorServices,
  socket: Socket,
  reason: string,
  fault: Fault,
  { requestId = newRequestId(services), isFinal = false }: BareOptions = {},
): void {
  const { hash } = services.constitution;
  services.counts.refused(fault.code);
  const problem = problemOf(fault, requestId, hash);
  const body = JSON.stringify(problem);
  const headers = {
    connection: "close",
    "content-type": "application/problem+json",
    "content-length": String(Buffer.byteLength(body)),
    "x-request-id": requestId,
    "request-id": requestId,
    "x-constitution-hash": hash,
    ...securityHeaders(socket instanceof TLSSocket),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.end(`HTTP/1.1 ${problem.status} ${reason}\r\n${lines.join("\r\n")}\r\n\r\n${body}`);
  if (isFinal) socket.destroySoon();
  else {
    const cut = setTimeout(() => socket.destroy(), farewellMs).unref();
    socket.once("close", () => clearTimeout(cut));
  }
}

/** Answers 408 to a client whose request does not arrive in time. */
export function answerLate(services: DoorServices, socket: Socket, requestId?: RequestId): void {
  const fault = httpFault("request.timeout", "the request did not arrive in time and the connection is closed");
  answerBare(services, socket, "Request Timeout", fault, { requestId, isFinal: true });
}

/** What Node's parser could not read never becomes a request; it is answered on the bare socket and closed. */
export function answerUnreadable(services: DoorServices, error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  // A handshake that failed: what is written now could not be read.
  if (socket instanceof TLSSocket && !/^(HPE|ERR_HTTP)_/.test(error.code ?? "")) return void socket.destroy();
  if (error.code === "ERR_HTTP_REQUEST_TIMEOUT") return answerLate(services, socket);
  const detail = "the server could not read the request and closed the connection";
  if (error.code === "HPE_HEADER_OVERFLOW") {
    const fault = httpFault("request.headers_too_large", detail);
    return answerBare(services, socket, "Request Header Fields Too Large", fault);
  }
  answerBare(services, socket, "Bad Request", httpFault("request.malformed", detail));
}
