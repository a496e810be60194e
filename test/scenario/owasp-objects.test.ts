// OWASP API1:2023, broken object level authorization: whoever knows the id of a thing, or holds something made for another,
// gets no further by it. The things belong to AI_ASSISTANT, the attackers to GURUKUL or to nobody.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auth, bearerOf, codeFor, newcomerAt, tokenBy } from "../support/attack/attacks.ts";
import { envelope, startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";
import { clientAt, me, personAt, postForm, refresh } from "../support/identity/oauth.ts";
import type { Person, Registered } from "../support/identity/oauth.ts";

const other = { product: "GURUKUL" };
const own = { product: "AI_ASSISTANT" };

let charter: TestCharter;
let artifact: string;
let victim: Person;
/** Credentials that have no business with the victim's things: name and text. */
let attackers: [string, string][];
beforeAll(async () => {
  charter = await startTestCharter();
  artifact = (await charter.ask("/v1/artifacts", { body: envelope() })).json.artifact.artifact_id;
  victim = await personAt(charter);
  const service = await clientAt(charter, { kind: "product", role: "developer", ...other });
  const form = { grant_type: "client_credentials", client_id: service.id, client_secret: service.secret };
  attackers = [
    ["a key", await charter.keyFor("product", "GURUKUL")],
    ["an agent's key", await charter.keyFor("ai_agent", "GURUKUL")],
    ["a user", await bearerOf(charter, await personAt(charter, other))],
    ["a client", (await tokenBy(charter, form)).json.access_token],
    ["a newcomer", await bearerOf(charter, await newcomerAt(charter))],
  ];
});
afterAll(() => charter[Symbol.asyncDispose]());

describe("API1: somebody else's artifact", () => {
  const requests: [string, string, object?][] = [
    ["GET", ""],
    ["HEAD", ""],
    ["GET", "/content"],
    ["HEAD", "/content"],
    ["GET", "/proof"],
    ["GET", "/lineage"],
    ["POST", "/hold", { hold: true, reason: "kept for the audit" }],
    ["PUT", "", { payload: "x" }],
    ["PATCH", "", { payload: "x" }],
    ["DELETE", ""],
  ];
  it.each(requests)("is out of reach by %s /v1/artifacts/{id}%s", async (method, path, body) => {
    for (const [name, key] of attackers) {
      const ask = { method, key, ...(body === undefined ? {} : { body }) };
      const theirs = await charter.ask(`/v1/artifacts/${artifact}${path}`, ask);
      const nothing = await charter.ask(
        `/v1/artifacts/${artifact.replace(/.$/, (end) => (end === "0" ? "1" : "0"))}${path}`,
        ask,
      );
      expect([name, theirs.status], theirs.text).toEqual([
        name,
        expect.toSatisfy((code) => code === 403 || code === 404),
      ]);
      // What is there and what is not are one answer to whoever may not know.
      expect([name, theirs.status, theirs.json?.code]).toEqual([name, nothing.status, nothing.json?.code]);
      expect(theirs.text).not.toContain("AI_ASSISTANT");
    }
    expect((await charter.ask(`/v1/artifacts/${artifact}`)).json.legal_hold).toBe(false);
  });

  it("cannot be named in a body: as product, as parent, or as filter of a listing", async () => {
    for (const [name, key] of attackers) {
      const into = await charter.ask("/v1/artifacts", { key, body: envelope() });
      expect([name, into.status]).toEqual([name, expect.toSatisfy((code) => code === 403 || code === 404)]);
      const child = envelope({ product_id: "GURUKUL", artifact_type: "ContentArtifact", derived_from: [artifact] });
      expect((await charter.ask("/v1/artifacts", { key, body: child })).status, name).toBeGreaterThanOrEqual(400);
      const listed = await charter.ask("/v1/artifacts?product=AI_ASSISTANT", { key });
      expect(listed.text, name).not.toContain(artifact);
      const leaves = await charter.ask("/ledger/entries?limit=1000", { key });
      // Their own attempts are on record, and they may read those.
      const products = (leaves.json.entries ?? []).map(({ leaf }: { leaf: { product?: string } }) => leaf.product);
      expect(new Set([...products, "GURUKUL"]), name).toEqual(new Set(["GURUKUL"]));
    }
  });

  it("does not come with a cursor that was made for somebody else or for another listing", async () => {
    for (let i = 0; i < 2; i++) await charter.ask("/v1/artifacts", { body: envelope({ payload: `page ${i}` }) });
    const page = await charter.ask("/v1/artifacts?product=AI_ASSISTANT&limit=1");
    const users = await charter.ask("/v1/users?limit=1");
    expect([typeof page.json.next, typeof users.json.next]).toEqual(["string", "string"]);
    for (const [name, key] of attackers) {
      for (const cursor of [page.json.next, users.json.next]) {
        const stolen = await charter.ask(`/v1/artifacts?limit=1&cursor=${cursor}`, { key });
        expect([name, stolen.status], stolen.text).toEqual([
          name,
          expect.toSatisfy((code) => code === 400 || code === 403),
        ]);
      }
    }
    const [place = ""] = users.json.next.split(".");
    for (const forged of [
      `${place}.`,
      `${place}.AAAAAAAAAAAAAAAAAAAAAA`,
      `${Buffer.from('"usr_x"').toString("base64url")}.x`,
    ]) {
      const answer = await charter.ask(`/v1/users?limit=1&cursor=${forged}`);
      expect([forged, answer.status, answer.json.code]).toEqual([forged, 400, "cursor.invalid"]);
    }
  });
});

describe("API1: somebody else's user, key or client", () => {
  it("is not to be read, listed or changed by its id", async () => {
    const key = (await charter.ask("/v1/keys", { body: { kind: "product", ...own } })).json;
    const client = await clientAt(charter);
    const attempts: [string, string, object?][] = [
      ["GET", `/v1/users/${victim.id}`],
      ["PATCH", `/v1/users/${victim.id}`, { full_name: "Mallory" }],
      ["POST", `/v1/users/${victim.id}/disable`],
      ["POST", `/v1/users/${victim.id}/enable`],
      ["POST", `/v1/users/${victim.id}/reset-password`],
      ["GET", "/v1/users"],
      ["GET", "/v1/keys"],
      ["DELETE", `/v1/keys/${key.id}`],
      ["GET", "/v1/clients"],
      ["DELETE", `/v1/clients/${client.id}`],
    ];
    for (const [name, credential] of attackers) {
      for (const [method, path, body] of attempts) {
        const ask = { method, key: credential, ...(body === undefined ? {} : { body }) };
        const answer = await charter.ask(path, ask);
        expect([name, method, path, answer.status], answer.text).toEqual([name, method, path, 403]);
      }
    }
    const user = (await charter.ask(`/v1/users/${victim.id}`)).json;
    expect(user).toMatchObject({ full_name: null, disabled: false, must_change_password: false });
    expect((await me(charter, key.key)).status).toBe(200);
  });

  it("is not shown by auth.me, whatever it is asked for", async () => {
    const token = attackers[2]![1];
    const plain = await me(charter, token);
    for (const query of [`id=${victim.id}`, `user=${victim.username}`, `sub=${victim.id}`]) {
      const answer = await charter.ask(`${auth}/me?${query}`, { key: token });
      expect([query, answer.json.user]).toEqual([query, plain.json.user]);
    }
  });
});

describe("API1: a token that was given to another client", () => {
  let mine: Registered;
  let theirs: Registered;
  let foreign: Registered;
  const application = {
    grant_types: ["authorization_code", "refresh_token"],
    redirect_uris: ["https://app.example/back"],
  };
  const by = ({ id, secret }: Registered) => ({ client_id: id, client_secret: secret });
  beforeAll(async () => {
    mine = await clientAt(charter, application);
    theirs = await clientAt(charter, application);
    foreign = await clientAt(charter, { kind: "product", role: "developer", ...other });
  });
  const tokens = async () =>
    (await tokenBy(charter, { ...(await codeFor(charter, mine.id, victim)), ...by(mine) })).json;

  it("cannot be refreshed by it, and stays alive for its own", async () => {
    const { refresh_token } = await tokens();
    const form = { grant_type: "refresh_token", refresh_token };
    for (const client of [
      by(theirs),
      by(foreign),
      { client_id: "charter" },
      { client_id: mine.id },
      { ...by(theirs), client_id: mine.id },
    ]) {
      const answer = await tokenBy(charter, { ...form, ...client });
      expect([client.client_id, answer.status]).toEqual([
        client.client_id,
        expect.toSatisfy((code) => code === 400 || code === 401),
      ]);
    }
    expect((await refresh(charter, refresh_token)).status).toBe(400);
    expect((await tokenBy(charter, { ...form, ...by(mine) })).status).toBe(200);
  });

  it("cannot be revoked by it", async () => {
    const { access_token, refresh_token } = await tokens();
    for (const token of [access_token, refresh_token]) {
      for (const client of [by(theirs), by(foreign), { client_id: "charter" }]) {
        await postForm(charter, `${auth}/revoke`, { token, ...client });
      }
    }
    expect((await me(charter, access_token)).status).toBe(200);
    expect((await tokenBy(charter, { grant_type: "refresh_token", refresh_token, ...by(mine) })).status).toBe(200);
  });

  it("says nothing to a client of another product, to the built-in one, or about a refresh token", async () => {
    const { access_token, refresh_token } = await tokens();
    const ask = async (token: string, client: Record<string, string>) =>
      (await postForm(charter, `${auth}/introspect`, { token, ...client })).json;
    for (const client of [by(foreign), { client_id: "charter" }]) {
      expect(await ask(access_token, client)).toEqual({ active: false });
      expect(await ask(refresh_token, client)).toEqual({ active: false });
    }
    expect(await ask(refresh_token, by(theirs))).toEqual({ active: false });
    expect(await ask(access_token, by(mine))).toMatchObject({ active: true, sub: victim.id });
  });

  it("is not handed out for its code, which dies with the attempt to use it twice only", async () => {
    const form = await codeFor(charter, mine.id, victim);
    for (const client of [by(theirs), by(foreign), { client_id: theirs.id }]) {
      expect((await tokenBy(charter, { ...form, ...client })).status).toBeGreaterThanOrEqual(400);
    }
    expect((await tokenBy(charter, { ...form, ...by(mine) })).status).toBe(200);
  });

  it("acts for nobody of another product, and not beyond its own product for somebody of none", async () => {
    const held = await clientAt(charter, { ...application, kind: "product", role: "admin", ...other });
    await expect(codeFor(charter, held.id, victim)).rejects.toThrow(/access_denied/);
    const admin = await personAt(charter, { kind: "admin", role: "admin" });
    const { access_token } = (await tokenBy(charter, { ...(await codeFor(charter, held.id, admin)), ...by(held) }))
      .json;
    expect((await me(charter, access_token)).json.principal).toMatchObject({ kind: "admin", product: "GURUKUL" });
    for (const path of [`/v1/artifacts/${artifact}`, "/v1/keys", "/v1/users", "/v1/clients"]) {
      const answer = await charter.ask(path, { key: access_token });
      expect([path, answer.status]).toEqual([path, expect.toSatisfy((code) => code === 403 || code === 404)]);
    }
  });

  it("gets nothing of another product by asking for it", async () => {
    for (const more of [
      { product: "AI_ASSISTANT" },
      { resource: "urn:charter:AI_ASSISTANT" },
      { scope: "api AI_ASSISTANT" },
      { scope: "admin" },
      { audience: "AI_ASSISTANT" },
      { role: "admin" },
    ]) {
      const answer = await tokenBy(charter, { grant_type: "client_credentials", ...by(foreign), ...more });
      if (answer.status !== 200) continue;
      const { principal } = (await me(charter, answer.json.access_token)).json;
      // A token of another scope opens nothing here.
      const unchanged = { id: foreign.id, kind: "product", role: "developer", product: "GURUKUL" };
      expect([more, principal]).toEqual([more, more.scope === "admin" ? undefined : unchanged]);
    }
  });
});
