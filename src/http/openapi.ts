// The fixed part of openapi.json; paths and components come from the routes.
import type { SwaggerTransform } from "@fastify/swagger";

/** The head of the OpenAPI 3.1 document. */
export function openapiDocument(version: string) {
  return {
    openapi: "3.1.0",
    info: {
      title: "Charter",
      version,
      description:
        "The governed control plane for AI agents. Every change passes one gate and leaves an intent and an outcome in a tamper-evident ledger. Every answer carries X-Constitution-Hash and X-Request-ID; send X-Constitution-Hash to be refused (412) when it is stale.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "http://127.0.0.1:8000" }],
    components: { securitySchemes: { key: { type: "http" as const, scheme: "bearer", description: "An API key." } } },
  };
}

/** A route as the document shows it: a streamed body has a description though no schema checks it, `*` has a name. */
export const documentedRoute: SwaggerTransform = ({ schema, url, route }) => {
  const { params, ...rest } = schema as { params?: { properties: Record<string, object>; required: string[] } };
  const shown: Record<string, unknown> = { ...rest };
  const { documentedBody } = (route.config ?? {}) as { documentedBody?: object };
  if (documentedBody) shown["body"] = documentedBody;
  if (params) shown["params"] = namedWildcard(params);
  return { schema: shown, url: url.replace("*", ":path") };
};

function namedWildcard(params: { properties: Record<string, object>; required: string[] }): object {
  const named = (name: string): string => (name === "*" ? "path" : name);
  const properties = Object.fromEntries(
    Object.entries(params.properties).map(([name, schema]) => [named(name), schema]),
  );
  return { ...params, properties, required: params.required.map(named) };
}
