// From an HTTP request to a `Ctx`: who calls, under which id, until when. Domain code sees the Ctx and never the request.
import type { FastifyReply, FastifyRequest } from "fastify";
import { anonymous } from "../kernel/ctx.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { CredentialState } from "../kernel/credential.ts";
import type { Authenticated } from "../kernel/credential.ts";
import { newId } from "../kernel/ids.ts";
import type { RequestId } from "../kernel/ids.ts";
import { shownCredential } from "./credentials.ts";
import { httpFault } from "./errors.ts";
import { operations } from "./operations.ts";
import type { Operation, OperationName } from "./operations.ts";
import { addressOf } from "./plugins/proxies.ts";
import type { Services } from "./services.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** The request's id: the caller's own UUID, or one made here. */
    charterId: RequestId;
    /** The circumstances of the call; null on public reads. */
    ctx: Ctx | null;
  }
}

/** Longest credential worth looking at, characters; an access token of a foreign issuer can take a few thousand. */
const maxCredentialLength = 8192;

/** A new request id. */
export function newRequestId(services: Services): RequestId {
  return newId<"request">(services.clock);
}

/**
 * Makes a request's Ctx; the caller is authenticated unless the operation is public.
 * @throws `credential.missing` or `credential.invalid`.
 */
export async function contextOf(
  services: Services,
  name: OperationName,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Ctx> {
  const { access, permission, takesApiKey }: Operation = operations[name];
  // Listening begins before anything is awaited: a caller may go while its key is looked up.
  const gone = new AbortController();
  let [isOver, leave] = [false, (): void => {}];
  reply.raw.on("close", () => {
    isOver = true;
    leave();
    if (!reply.raw.writableFinished) gone.abort(new Error("the caller has gone"));
  });
  const { changes } = services.gate;
  const caller = access === "public" ? undefined : await authenticate(services, request, takesApiKey === true);
  const ctx: Ctx = {
    principal: caller?.principal ?? anonymous,
    ...(caller && { credentialState: new CredentialState(caller.credential, caller.principal) }),
    stop: (reason) => gone.abort(reason),
    operation: name,
    permission: permission ?? undefined,
    address: addressOf(request),
    requestId: request.charterId,
    signal: gone.signal,
    clock: services.clock,
    log: services.log,
  };
  if (caller !== undefined && !isOver) leave = services.gate.watch(ctx, changes);
  return ctx;
}

async function authenticate(services: Services, request: FastifyRequest, takesApiKey: boolean): Promise<Authenticated> {
  const header = shownCredential(request.headers, takesApiKey);
  if (header === undefined) {
    throw httpFault("credential.missing", "this operation needs a credential", {
      remedy: "send Authorization: Bearer <key>; an admin makes keys with `charter keys create`",
    });
  }
  const credential = /^Bearer +([!-~]+) *$/i.exec(header)?.[1];
  const caller =
    credential !== undefined && credential.length <= maxCredentialLength
      ? await services.authenticator.identify({ scheme: "bearer", text: credential, address: addressOf(request) })
      : undefined;
  if (!caller) {
    throw httpFault("credential.invalid", "the credential is unknown, malformed or revoked", {
      remedy: "check the key, or ask an admin for a new one",
    });
  }
  return caller;
}

/** The Ctx of a request. */
export function ctxOf(request: FastifyRequest): Ctx {
  if (!request.ctx) throw new Error("the operation is a public read and has no caller");
  return request.ctx;
}
