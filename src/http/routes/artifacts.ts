// Reading artifacts, and the attempts on them that the constitution refuses.
import { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Artifact, ArtifactQuery } from "../../depository/index.ts";
import { gatherPage } from "../long-page.ts";
import type { OperationName } from "../operations.ts";
import { defined, instantMs, one, pageSize } from "../query.ts";
import type { Query } from "../query.ts";
import { route } from "../route.ts";
import { answer, content, instantQuery, nextCursor, pageQuery, reasonText, record, refusal } from "../schemas.ts";
import { sendContent } from "../send-content.ts";
import type { Services } from "../services.ts";

const text = { type: "string" };
const integer = { type: "integer" };
const idParams = record({ id: { type: "string", maxLength: 64 } });
const idOf = (request: FastifyRequest): string => (request.params as { id: string }).id;

/** Where a listing goes on behind an artifact. */
function placeOf(artifact: Artifact | undefined): ArtifactQuery["after"] {
  return artifact && { createdMs: Date.parse(artifact.created_at), id: artifact.artifact_id };
}

const productState = record({
  product: text,
  state: { enum: ["UNREGISTERED", "HEALTHY", "WARNING", "FULL"] },
  fits: { type: "boolean" },
  quota_bytes: integer,
  used_bytes: integer,
  free_bytes: integer,
  usage_percent: { type: "number" },
  held_bytes: { ...integer, description: "Bytes that uploads in progress have reserved." },
  artifacts: integer,
  artifact_types: { type: "array", items: text },
});

/** `/v1/artifacts` without the create, `/v1/products`, `/v1/scrub`. */
export function artifactRoutes(app: FastifyInstance, services: Services): void {
  const { reader, depository, cursors } = services;

  const filters = {
    product: text,
    type: text,
    tag: text,
    created_by: text,
    created_after: instantQuery,
    created_before: instantQuery,
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
        404: refusal("The caller knows no such product."),
      },
    },
    handle: async (ctx, request) => {
      const query = request.query as Query;
      const limit = pageSize(query);
      const question = defined({
        product: one(query, "product") ?? ctx.principal.product ?? undefined,
        type: one(query, "type"),
        tag: one(query, "tag"),
        createdBy: one(query, "created_by"),
        createdAfterMs: instantMs(query, "created_after"),
        createdBeforeMs: instantMs(query, "created_before"),
      });
      const cursor = one(query, "cursor");
      const after =
        cursor === undefined ? undefined : (cursors.open("artifact.list", cursor, question) as ArtifactQuery["after"]);
      const { rows: artifacts, last } = await gatherPage<Artifact>(limit, (some, behind) =>
        reader.list(ctx, { ...question, ...defined({ after: placeOf(behind) ?? after }), limit: some }),
      );
      const place = placeOf(last);
      return { artifacts, next: place ? cursors.seal("artifact.list", place, question) : null };
    },
  });

  for (const name of ["artifact.read", "artifact.head"] as const) {
    route(app, services, name, {
      schema: {
        summary: "One artifact's record",
        params: idParams,
        response: { 200: answer("It.", { $ref: "Artifact#" }) },
      },
      handle: (ctx, request) => reader.read(ctx, idOf(request)),
    });
  }
  for (const name of ["artifact.content", "artifact.content_head"] as const) {
    route(app, services, name, {
      schema: {
        summary: "An artifact's bytes, or a range of them",
        params: idParams,
        response: {
          200: content("All of it.", "*/*"),
          304: { description: "The caller has it already." },
          // A range is defined for GET alone (RFC 9110 section 14.2).
          ...(name === "artifact.content" && {
            206: content("The range.", "*/*"),
            416: refusal("No byte of the content lies in the range."),
          }),
        },
      },
      handle: (ctx, request, reply) => sendContent(reader, ctx, request, reply),
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
            verifier_key: text,
          }),
        ),
        410: refusal("The artifact's leaves were lost, and the loss is on record."),
      },
    },
    handle: (ctx, request) => reader.proof(ctx, idOf(request)),
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
            nodes: { type: "array", items: record({ artifact_id: text, depth: integer }) },
            edges: { type: "array", items: record({ child: text, parent: text }) },
            truncated: { type: "boolean" },
          }),
        ),
      },
    },
    handle: (ctx, request) => {
      const direction = one(request.query as Query, "direction") ?? "ancestors";
      return reader.lineage(ctx, idOf(request), direction as "ancestors" | "descendants");
    },
  });

  route(app, services, "artifact.hold", {
    schema: {
      summary: "Set or clear a legal hold",
      params: idParams,
      body: record({ hold: { type: "boolean" }, reason: reasonText }),
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
        summary: `Refused: RULE_01 lets no one ${action} an artifact`,
        params: idParams,
      },
      handle: (ctx, request) => depository.refuse(ctx, idOf(request), action, name),
    });
  }

  route(app, services, "product.list", {
    schema: {
      summary: "Products and how full their quotas are",
      response: { 200: answer("Products.", record({ products: { type: "array", items: productState } })) },
    },
    handle: async (ctx) => ({ products: await reader.products(ctx) }),
  });

  route(app, services, "depository.scrub", {
    schema: {
      summary: "Read every blob again and report those that are not what their name says",
      response: { 200: content("One JSON line per step, the last with `done`.", "application/x-ndjson") },
    },
    handle: (ctx, _request, reply) =>
      reply.type("application/x-ndjson").send(Readable.from(jsonLines(reader.scrub(ctx)), { objectMode: false })),
  });
}

async function* jsonLines(steps: AsyncIterable<unknown>): AsyncGenerator<string, void> {
  for await (const step of steps) yield `${JSON.stringify(step)}\n`;
}
