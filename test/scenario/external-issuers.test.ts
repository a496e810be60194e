// People and services of another identity provider: their tokens open what the operator's file says, and nothing else.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startOidcIssuer } from "../support/identity/oidc-process.ts";
import type { OidcIssuer } from "../support/identity/oidc-process.ts";
import { envelope, startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";

describe("tokens of an external issuer", () => {
  let dir: string;
  let issuer: string;
  let charter: TestCharter;
  let provider: OidcIssuer;

  beforeAll(async () => {
    provider = await startOidcIssuer();
    issuer = provider.url;
    dir = await mkdtemp(join(tmpdir(), "charter-issuers-"));
    const file = join(dir, "issuers.yaml");
    await writeFile(
      file,
      `- issuer: ${issuer}
  audience: urn:charter
  claims:
    role: realm.roles
    product: tenant
    map:
      role: { charter-ops: operator }
      product: { assistant: AI_ASSISTANT }
  defaults: { kind: product }
`,
    );
    charter = await startTestCharter({ flags: { "issuers-file": file } });
  });
  afterAll(async () => {
    await charter[Symbol.asyncDispose]();
    await provider[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  });

  const tokenOf = async (client: string, resource = "urn:charter"): Promise<string> => {
    const response = await fetch(`${issuer}/token`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`${client}:secret-of-${client}`)}` },
      body: new URLSearchParams({ grant_type: "client_credentials", resource }),
    });
    return ((await response.json()) as { access_token: string }).access_token;
  };

  it("act as the principal that the file maps them to", async () => {
    const key = await tokenOf("operator");
    expect((await charter.ask("/governance/info", { key })).status).toBe(200);
    const stored = await charter.ask("/v1/artifacts", { key, body: envelope() });
    expect(stored.status, stored.text).toBe(201);
    expect(stored.json.artifact.created_by).toMatch(/^ext_[0-9a-f]{16}$/);
    expect((await charter.ask("/v1/keys", { key, body: { kind: "auditor" } })).status).toBe(403);
  });

  it("cannot reach another product", async () => {
    const body = envelope({ product_id: "GURUKUL", artifact_type: "ContentArtifact" });
    const refused = await charter.ask("/v1/artifacts", { key: await tokenOf("operator"), body });
    // As if there were no such product.
    expect(refused.status).toBe(404);
  });

  it("are no credential without a known role or for another audience", async () => {
    for (const key of [await tokenOf("stranger"), await tokenOf("operator", "urn:elsewhere")]) {
      const refused = await charter.ask("/governance/info", { key });
      expect(refused.status).toBe(401);
      expect(refused.json.code).toBe("credential.invalid");
    }
  });

  it("keep a server from starting whose file cannot be used", async () => {
    const file = join(dir, "wrong.yaml");
    await writeFile(file, "- issuer: http://login.example.com\n  audience: x\n");
    await expect(startTestCharter({ flags: { "issuers-file": file } })).rejects.toMatchObject({
      code: "issuers.invalid",
      message: expect.stringContaining(`${file}:1:3: `),
    });
  });
});
