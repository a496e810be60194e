// An OpenID Connect provider (oidc-provider) in a process of its own on loopback: an issuer that is not Charter. It gives
// JWT access tokens by client credentials, with the claims of the client's name, and prints its URL.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:http";
import { generateKeyPairSync } from "node:crypto";
import { Provider } from "oidc-provider";

/** What each client's tokens say; the audience is what the request asks for as its resource. */
const claims: Readonly<Record<string, Record<string, unknown>>> = {
  operator: { realm: { roles: ["offline_access", "charter-ops"] }, tenant: "assistant" },
  stranger: { realm: { roles: ["offline_access"] }, tenant: "assistant" },
};

const server = createServer().listen(0, "127.0.0.1");
await once(server, "listening");
const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const signing = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });
const provider = new Provider(issuer, {
  jwks: { keys: [{ ...signing, use: "sig", alg: "RS256" }] },
  clients: Object.keys(claims).map((id) => ({
    client_id: id,
    client_secret: `secret-of-${id}`,
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
  })),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, resource) => ({
        scope: "",
        audience: resource,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
  extraTokenClaims: (_context, token) => claims[token.clientId ?? ""],
});
const answer = provider.callback();
server.on("request", (request, response) => void answer(request, response));
process.stdout.write(`${issuer}\n`);
