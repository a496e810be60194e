// The ledger in the open: checkpoint, tiles and bundles as C2SP tlog-tiles serves them, entries for those who may read.
import { createPublicKey } from "node:crypto";
import type { FastifyInstance, FastifyReply } from "fastify";
import { governanceFault } from "../../governance/index.ts";
import type { Ctx } from "../../kernel/ctx.ts";
import { leafKinds } from "../../ledger/index.ts";
import type { Entry, LeafKind, Ledger } from "../../ledger/index.ts";
import { httpFault } from "../errors.ts";
import { gatherPage } from "../long-page.ts";
import { defined, instantMs, one, pageSize } from "../query.ts";
import type { Query } from "../query.ts";
import { publicRoute, route } from "../route.ts";
import { answer, content, instantQuery, nextCursor, pageQuery, record, refusal } from "../schemas.ts";
import type { Services } from "../services.ts";

const text = { type: "string" };
const immutable = "public, max-age=31536000, immutable";

/** An entry as it is shown: the leaf stands here as it stands in the log. */
interface EntryView {
  readonly index: number;
  readonly leaf: Entry["json"];
}

/** `/ledger/...`. */
export function ledgerRoutes(app: FastifyInstance, services: Services): void {
  const { ledger, cursors, gate, constitution } = services;
  const plain = (description: string) => ({ 200: content(description, "text/plain; charset=utf-8") });

  publicRoute(app, "ledger.checkpoint", {
    schema: { summary: "The newest signed checkpoint", response: plain("A C2SP signed note.") },
    answer: (_request, reply) => reply.type("text/plain; charset=utf-8").send(ledger.checkpoint()),
  });
  publicRoute(app, "ledger.verifier_key", {
    schema: { summary: "The key that verifies checkpoints", response: plain("A signed-note verifier key.") },
    answer: (_request, reply) => reply.type("text/plain; charset=utf-8").send(`${ledger.verifierKey}\n`),
  });
  publicRoute(app, "ledger.public_key", {
    schema: { summary: "The same key for openssl", response: plain("An Ed25519 public key as PEM.") },
    answer: (_request, reply) => reply.type("text/plain; charset=utf-8").send(publicKeyPem(ledger.verifierKey)),
  });
  publicRoute(app, "ledger.proof", {
    schema: {
      summary: "Proof that a leaf is in the log",
      params: record({ index: { type: "string", pattern: "^(0|[1-9][0-9]{0,15})$" } }),
      response: {
        ...plain("A C2SP tlog-proof under the newest checkpoint."),
        410: refusal("The leaf was lost, and the loss is on record."),
      },
    },
    answer: async (request, reply) => {
      const { index } = request.params as { index: string };
      return reply.type("text/plain; charset=utf-8").send(await ledger.proof(Number(index)));
    },
  });

  const tilePath = { params: record({ level: text, "*": text }) };
  publicRoute(app, "ledger.tile", {
    schema: {
      summary: "A hash tile",
      ...tilePath,
      response: { 200: content("Concatenated SHA-256 hashes.", "application/octet-stream") },
    },
    answer: async (request, reply) => {
      const params = request.params as { level: string; "*": string };
      const place = tilePlace(params["*"]);
      const known = place !== undefined && /^([0-9]|[1-5][0-9]|6[0-3])$/.test(params.level);
      return sendTile(
        ledger,
        reply,
        known ? await ledger.tile(Number(params.level), place.index, place.width) : undefined,
      );
    },
  });
  route(app, services, "ledger.bundle", {
    schema: {
      summary: "An entry bundle",
      params: record({ "*": text }),
      response: { 200: content("Leaves, each behind a big-endian uint16 length.", "application/octet-stream") },
    },
    handle: async (ctx, request, reply) => {
      gate.permit(ctx, { kind: "ledger", product: null });
      const place = tilePlace((request.params as { "*": string })["*"]);
      return sendTile(ledger, reply, place && (await ledger.bundle(place.index, place.width)));
    },
  });

  route(app, services, "ledger.entries", {
    schema: {
      summary: "Leaves by product, principal, operation and time, oldest first",
      querystring: record(
        {
          product: text,
          principal: text,
          operation: text,
          kind: { enum: leafKinds },
          request: text,
          since: instantQuery,
          until: instantQuery,
          ...pageQuery,
        },
        ["product", "principal", "operation", "kind", "request", "since", "until", "limit", "cursor"],
      ),
      response: {
        200: answer(
          "A page of leaves.",
          record({
            entries: {
              type: "array",
              items: record({ index: { type: "integer" }, leaf: { type: "object", additionalProperties: true } }),
            },
            next: nextCursor,
          }),
        ),
        404: refusal("The caller knows no such product."),
      },
    },
    handle: (ctx, request) => listEntries(ctx, request.query as Query),
  });

  async function listEntries(ctx: Ctx, query: Query) {
    const product = one(query, "product") ?? ctx.principal.product ?? undefined;
    gate.permit(ctx, { kind: "ledger", product: product ?? null });
    if (product !== undefined && !Object.hasOwn(constitution.data.products, product)) {
      throw governanceFault("product.not_found", "there is no such product", { at: "query/product" });
    }
    const filters = defined({
      product,
      principal: one(query, "principal"),
      operation: one(query, "operation"),
      kind: one(query, "kind") as LeafKind | undefined,
      requestId: one(query, "request"),
      sinceMs: instantMs(query, "since"),
      untilMs: instantMs(query, "until"),
    });
    const cursor = one(query, "cursor");
    const after = cursor === undefined ? undefined : (cursors.open("ledger.entries", cursor, filters) as number);
    const limit = pageSize(query);
    const { rows: entries, last } = await gatherPage<EntryView>(limit, async (some, behind) => {
      const found = await ledger.entries({ ...filters, ...defined({ after: behind?.index ?? after }), limit: some });
      return found.map(({ index, json }) => ({ index, leaf: json }));
    });
    return { entries, next: last ? cursors.seal("ledger.entries", last.index, filters) : null };
  }
}

/** The Ed25519 key inside a verifier key (`name+id+base64(0x01 || key)`) as PEM, the form that openssl reads. */
function publicKeyPem(verifierKey: string): string {
  const [, , ...encoded] = verifierKey.split("+");
  const raw = Buffer.from(encoded.join("+"), "base64").subarray(1);
  const key = createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") } });
  return key.export({ type: "spki", format: "pem" }).toString();
}

/** Reads `x001/x234/067` or `x001/x234/067.p/12`; undefined when it is not a canonical tile path. */
function tilePlace(path: string): { index: number; width: number } | undefined {
  const match = /^((?:x\d{3}\/){0,4}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/.exec(path);
  if (!match?.[1]) return undefined;
  const width = match[2] === undefined ? 256 : Number(match[2]);
  if (width > 256 || (match[2] !== undefined && width > 255) || match[1].startsWith("x000/")) return undefined;
  return { index: Number(match[1].replaceAll(/[x/]/g, "")), width };
}

/** Sends a tile, to be kept for ever; from a ledger that is not sound, to be kept by no one. */
function sendTile(ledger: Ledger, reply: FastifyReply, bytes: Uint8Array | undefined): FastifyReply {
  if (!bytes) throw httpFault("route.not_found", "the log has no such tile");
  if (ledger.condition().state !== "damaged") void reply.header("cache-control", immutable);
  return reply.type("application/octet-stream").send(bytes);
}
