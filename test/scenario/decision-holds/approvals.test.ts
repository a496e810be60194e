// Sign-ins and approvals take as long as a password takes to be checked. What ends meanwhile gives nobody a token that works;
// what was given before is on record before the end is.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ShownLeaf } from "../../support/ledger/record.ts";
import { leavesOf } from "../../support/gateway/gateway.ts";
import { startTestCharter } from "../../support/app/in-process.ts";
import type { Answer, TestCharter } from "../../support/app/in-process.ts";
import { approve, clientAt, me, personAt, pkce, postForm, refresh, signIn } from "../../support/identity/oauth.ts";
import type { Person } from "../../support/identity/oauth.ts";
import { eventually } from "../../support/wait.ts";

const redirectUri = "https://app.example/back";
let charter: TestCharter;
beforeAll(async () => void (charter = await startTestCharter()));
afterAll(() => charter[Symbol.asyncDispose]());

/** Lets others' passwords be checked first, so that there is time for something between an intent and its effect. */
async function busy(person: Person): Promise<Promise<unknown>> {
  const size = await charter.ledgerSize();
  const checks = Array.from({ length: 12 }, () => signIn(charter, person));
  await eventually(async () => (await charter.ledgerSize()) >= size + checks.length);
  return Promise.all(checks);
}

/** Starts something behind the others, and ends something as soon as its intent is on record. */
async function endedMeanwhile<T>(start: () => Promise<T>, resource: string, end: () => Promise<Answer>): Promise<T> {
  const others = busy(await personAt(charter));
  const size = (await leavesOf(charter)).length;
  await eventually(async () => (await leavesOf(charter)).length > size);
  const begun = await charter.ledgerSize();
  const started = start();
  const since = async () => (await leavesOf(charter)).slice(begun);
  const isIntent = (leaf: ShownLeaf): boolean => leaf.kind === "intent" && leaf.resource === resource;
  await eventually(async () => (await since()).some(isIntent));
  const { json } = await end();
  const answer = await started;
  await others;
  const leaves = await leavesOf(charter);
  const intent = leaves.findIndex((leaf, i) => i >= begun && isIntent(leaf));
  const outcome = leaves.findIndex((leaf) => leaf.kind === "outcome" && leaf.intent === intent);
  if (leaves[outcome]?.outcome === "committed") expect(outcome).toBeLessThan(json.receipt.outcome_index);
  else expect(leaves[outcome]).toMatchObject({ outcome: "refused" });
  return answer;
}

type Ends = readonly (readonly [
  name: string,
  end: (at: { readonly user: string; readonly client: string }) => Promise<Answer>,
])[];
const ofAccounts: Ends = [
  ["the account is disabled", ({ user }) => charter.ask(`/v1/users/${user}/disable`, { method: "POST" })],
  ["the password is reset", ({ user }) => charter.ask(`/v1/users/${user}/reset-password`, { method: "POST" })],
];
const ofClients: Ends = [
  ...ofAccounts,
  ["the application is revoked", ({ client }) => charter.ask(`/v1/clients/${client}`, { method: "DELETE" })],
];

describe("a sign-in", () => {
  it.each(ofAccounts)("gives no token when %s while the password is checked", async (_name, end) => {
    const person = await personAt(charter);
    const answer = await endedMeanwhile(
      () => signIn(charter, person),
      `user/${person.id}`,
      () => end({ user: person.id, client: "" }),
    );
    const { access_token: token, refresh_token: next } = answer.json;
    if (token === undefined) return expect(answer.status).toBeGreaterThanOrEqual(400);
    expect((await me(charter, token)).status).toBe(401);
    expect((await refresh(charter, next)).status).toBe(400);
  });
});

describe("an approval", () => {
  it.each(ofClients)("gives no code that works when %s while the password is checked", async (_name, end) => {
    const person = await personAt(charter);
    const terms = { kind: "product", role: "developer", product: "AI_ASSISTANT", redirect_uris: [redirectUri] };
    const { id, secret } = await clientAt(charter, { ...terms, grant_types: ["authorization_code"] });
    const { verifier, challenge } = pkce();
    const asked = { response_type: "code", client_id: id, redirect_uri: redirectUri, code_challenge: challenge };
    const url = `/api/v1/auth/authorize?${new URLSearchParams({ ...asked, code_challenge_method: "S256" }).toString()}`;
    const { location } = await endedMeanwhile(
      () => approve(charter, url, { username: person.username, password: person.password }),
      `client/${id}`,
      () => end({ user: person.id, client: id }),
    );
    const code = location === "" ? null : new URL(location).searchParams.get("code");
    if (code === null) return;
    const form = { grant_type: "authorization_code", code, redirect_uri: redirectUri, code_verifier: verifier };
    const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`;
    const given = await postForm(charter, "/api/v1/auth/token", form, { authorization });
    if (given.status === 200) expect((await me(charter, given.json.access_token)).status).toBe(401);
  });
});

describe("a family of tokens", () => {
  it("ends with its last refresh token wherever it stands in a race with its revocation", async () => {
    for (let round = 0; round < 5; round++) {
      const person = await personAt(charter);
      const { json } = await signIn(charter, person);
      const form = { token: json.refresh_token, client_id: "charter" };
      const [refreshed] = await Promise.all([
        postForm(charter, "/api/v1/auth/token", {
          grant_type: "refresh_token",
          refresh_token: json.refresh_token,
          client_id: "charter",
        }),
        postForm(charter, "/api/v1/auth/revoke", form),
      ]);
      for (const token of [json.access_token, refreshed.json.access_token]) {
        if (token !== undefined) expect((await me(charter, token)).status).toBe(401);
      }
    }
  });
});
