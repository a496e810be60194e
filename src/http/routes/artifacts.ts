// Reading artifacts, and the attempts on them that the constitution refuses.
import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Artifact, ArtifactQuery } from "../../depository/index.ts";
import { depositoryFault } from "../../depository/index.ts";
import type { Ctx } from "../../kernel/ctx.ts";
import { digestHeader } from "../digest-header.ts";
import type { OperationName } from "../operations.ts";
import { defined, instantMs, one, pageSize } from "../query.ts";
import type { Query } from "../query.ts";
import { rangeOf } from "../range-header.ts";
import { route } from "../route.ts";
import { answer, content, instantQuery, nextCursor, pageQuery, record } from "../schemas.ts";
import type { Services } from "../services.ts";

const text = { type: "string" };
const integer = { type: "integer" };
const idParams = record({ id: { type: "string", maxLength: 64 } });
const idOf = (request: FastifyRequest): string => (request.params as { id: string }).id;

/** `/v1/artifacts` without the create, `/v1/products`, `/v1/scrub`. */
export function artifactRoutes(app: FastifyInstance, services: Services): void {
  const { shelf, depository, cursors } = services;

  const filters = {
    product: text,
    type: text,
    tag: text,
    createdBy: text,
    createdAfter: instantQuery,
    createdBefore: instantQuery,
  };
  route(app, services, "artifact.list", {
    schema: {
      summary: "Artifacts, newest first",
      querystring: record({ ...filters, ...pageQuery }, [...Object.keys(filters), "limit", "cursor"]),
      response: {
        200: answer(
          "A page.",
          record({ artifacts: { type: "array", items: { $ref: "Artifact#" } }, next: nextCursor }),
        ),
      },
    },
    handle: async (ctx, request) => {
      const query = request.query as Query;
      const limit = pageSize(query);
      const question = defined({
        product: one(query, "product") ?? ctx.principal.product ?? undefined,
        type: one(query, "type"),
        tag: one(query, "tag"),
        createdBy: one(query, "createdBy"),
        createdAfterMs: instantMs(query, "createdAfter"),
        createdBeforeMs: instantMs(query, "createdBefore"),
      });
      const cursor = one(query, "cursor");
      const after = cursor === undefined ? undefined : (cursors.open(cursor, question) as ArtifactQuery["after"]);
      const artifacts = await shelf.list(ctx, { ...question, ...defined({ after }), limit });
      const last = artifacts.length === limit ? artifacts.at(-1) : undefined;
      const place = last && { createdMs: Date.parse(last.created_at), id: last.artifact_id };
      return { artifacts, next: place ? cursors.seal(place, question) : null };
    },
  });

  for (const name of ["artifact.read", "artifact.head"] as const) {
    route(app, services, name, {
      schema: {
        summary: "One artifact's record",
        params: idParams,
        response: { 200: answer("It.", { $ref: "Artifact#" }) },
      },
      handle: (ctx, request) => shelf.read(ctx, idOf(request)),
    });
  }
  for (const name of ["artifact.content", "artifact.content_head"] as const) {
    route(app, services, name, {
      schema: {
        summary: "An artifact's bytes, or a range of them",
        params: idParams,
        response: { 200: content("All of it.", "*/*"), 206: content("The range.", "*/*") },
      },
      handle: (ctx, request, reply) => sendContent(services, ctx, request, reply),
    });
  }

  route(app, services, "artifact.proof", {
    schema: {
      summary: "What proves an artifact to a stranger",
      params: idParams,
      response: {
        200: answer(
          "Its receipt, outcome leaf and C2SP tlog-proof.",
          record({
            artifact: { $ref: "Artifact#" },
            receipt: { $ref: "Receipt#" },
            leaf: text,
            record: text,
            proof: text,
            verifierKey: text,
          }),
        ),
      },
    },
    handle: (ctx, request) => shelf.proof(ctx, idOf(request)),
  });

  route(app, services, "artifact.lineage", {
    schema: {
      summary: "What an artifact was made from, or what was made from it",
      params: idParams,
      querystring: record({ direction: { enum: ["ancestors", "descendants"] } }, ["direction"]),
      response: {
        200: answer(
          "Nodes, nearest first, and edges.",
          record({
            nodes: { type: "array", items: record({ artifactId: text, depth: integer }) },
            edges: { type: "array", items: record({ child: text, parent: text }) },
            truncated: { type: "boolean" },
          }),
        ),
      },
    },
    handle: (ctx, request) => {
      const direction = one(request.query as Query, "direction") ?? "ancestors";
      return shelf.lineage(ctx, idOf(request), direction as "ancestors" | "descendants");
    },
  });

  route(app, services, "artifact.hold", {
    schema: {
      summary: "Set or clear a legal hold",
      params: idParams,
      body: record({ hold: { type: "boolean" }, reason: { type: "string", minLength: 10, maxLength: 2000 } }),
      response: {
        200: answer("The artifact.", record({ artifact: { $ref: "Artifact#" }, receipt: { $ref: "Receipt#" } })),
      },
    },
    handle: async (ctx, request) => {
      const change = request.body as { hold: boolean; reason: string };
      const { value, receipt } = await depository.hold(ctx, idOf(request), change);
      return { artifact: value, receipt };
    },
  });

  const refused: [OperationName, "UPDATE" | "DELETE"][] = [
    ["artifact.replace", "UPDATE"],
    ["artifact.update", "UPDATE"],
    ["artifact.delete", "DELETE"],
  ];
  for (const [name, action] of refused) {
    route(app, services, name, {
      schema: {
        summary: `Refused: RULE_01 lets nobody ${action} an artifact`,
        params: idParams,
        response: { 403: { $ref: "Problem#" } },
      },
      handle: (ctx, request) => depository.refuse(ctx, idOf(request), action, name),
    });
  }

  route(app, services, "product.list", {
    schema: {
      summary: "Products and how full their quotas are",
      response: { 200: answer("Products.", { type: "object", additionalProperties: true }) },
    },
    handle: async (ctx) => ({ products: await shelf.products(ctx) }),
  });

  route(app, services, "depository.scrub", {
    schema: {
      summary: "Read every blob again and report those that are not what their name says",
      response: { 200: content("One JSON line per step, the last with `done`.", "application/x-ndjson") },
    },
    handle: (ctx, _request, reply) =>
      reply.type("application/x-ndjson").send(Readable.from(jsonLines(shelf.scrub(ctx)), { objectMode: false })),
  });
}

async function* jsonLines(steps: AsyncIterable<unknown>): AsyncGenerator<string, void> {
  for await (const step of steps) yield `${JSON.stringify(step)}\n`;
}

/** Sends content: conditional, ranged, with the digests of RFC 9530; HEAD gets the same headers and no bytes. */
async function sendContent(
  { shelf }: Services,
  ctx: Ctx,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const artifact = await shelf.read(ctx, idOf(request));
  void reply.headers({
    "accept-ranges": "bytes",
    "cache-control": "private, max-age=31536000, immutable",
    "content-type": artifact.mediaType,
    "content-disposition": "attachment",
    "content-security-policy": "sandbox",
    etag: `"${artifact.content_hash}"`,
    "last-modified": new Date(artifact.created_at).toUTCString(),
    "repr-digest": digestHeader(artifact.content_hash),
  });
  if (request.headers["if-none-match"]?.includes(`"${artifact.content_hash}"`)) return reply.code(304).send();
  const range = rangeOf(applicableRange(request, artifact), artifact.sizeBytes);
  if (range.kind === "unsatisfiable") {
    void reply.header("content-range", `bytes */${artifact.sizeBytes}`);
    throw depositoryFault("range.not_satisfiable", `the content is ${artifact.sizeBytes} bytes long`, { at: "Range" });
  }
  const length = range.kind === "part" ? range.last - range.first + 1 : artifact.sizeBytes;
  void reply.header("content-length", length);
  if (range.kind === "part") {
    void reply.code(206).header("content-range", `bytes ${range.first}-${range.last}/${artifact.sizeBytes}`);
  } else {
    void reply.header("content-digest", digestHeader(artifact.content_hash));
  }
  if (request.method === "HEAD") return reply.send();
  const part = range.kind === "part" ? { first: range.first, last: range.last } : undefined;
  const body = await shelf.content(ctx, artifact.artifact_id, () => part);
  return reply.send(Readable.from(body, { objectMode: false }));
}

/** The Range header, unless `If-Range` names other content. */
function applicableRange(request: FastifyRequest, artifact: Artifact): string | undefined {
  const condition = request.headers["if-range"];
  const applies = condition === undefined || condition === `"${artifact.content_hash}"`;
  return applies ? request.headers.range : undefined;
}
