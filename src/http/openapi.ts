// The fixed part of openapi.json; paths and components come from the routes.

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
