// What an attacker does at the same moment as somebody else: every decision that is made of two looks at the database is
// looked at from between them. Hashing is the slow step, so a queue of it holds a request where it is to be held.
import { hashSync } from "bcryptjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auth, back, bearerOf, codeFor, goodPassword, logIn, newcomerAt, tokenBy } from "../support/attack/attacks.ts";
import { startTestCharter } from "../support/app/in-process.ts";
import type { Answer, TestCharter } from "../support/app/in-process.ts";
import { mailsTo, tokenFor } from "../support/identity/mail.ts";
import { clientAt, me, personAt, refresh, signIn } from "../support/identity/oauth.ts";
import type { Person } from "../support/identity/oauth.ts";

let charter: TestCharter;
let people = 0;
beforeAll(async () => void (charter = await startTestCharter({ flags: { "trusted-proxies": "127.0.0.1" } })));
afterAll(() => charter[Symbol.asyncDispose]());

const act = (person: Person, verb: "disable" | "enable" | "reset-password") =>
  charter.ask(`/v1/users/${person.id}/${verb}`, { method: "POST" });

/** Fills the queue of hashes, then begins a sign-in, and gives it when it waits with the user's record in its hands. */
async function heldSignIn(
  person: Person,
  begin: (person: Person) => Promise<Answer>,
): Promise<{ held: Promise<Answer>; isOver: () => boolean; rest: Promise<unknown> }> {
  const rest = Promise.all(Array.from({ length: 95 }, () => logIn(charter, `nobody${people++}`, "wrong")));
  await new Promise((resolve) => setTimeout(resolve, 100));
  let over = false;
  const held = begin(person).finally(() => (over = true));
  await new Promise((resolve) => setTimeout(resolve, 100));
  return { held, isOver: () => over, rest };
}

/** Nothing that a sign-in gave is good for anything. */
async function expectWorthless({ json }: Answer): Promise<void> {
  if (json?.access_token !== undefined) expect((await me(charter, json.access_token)).status).toBe(401);
  if (json?.refresh_token !== undefined) expect((await refresh(charter, json.refresh_token)).status).toBe(400);
}

describe("a sign-in that was under way", () => {
  it("gives nothing that outlives a disabling in between, though the user is enabled again", async () => {
    const person = await personAt(charter);
    for (let wasBetween = false, round = 0; !wasBetween; round++) {
      expect(round, "the queue was never long enough").toBeLessThan(20);
      const { held, isOver, rest } = await heldSignIn(person, (who) => signIn(charter, who));
      expect((await act(person, "disable")).status).toBe(200);
      expect((await act(person, "enable")).status).toBe(200);
      wasBetween = !isOver();
      const answer = await held;
      if (wasBetween) expect([answer.status, answer.json.error]).toEqual([400, "invalid_grant"]);
      await expectWorthless(answer);
      await rest;
    }
    expect((await signIn(charter, person)).status).toBe(200);
  });

  it("gives no code either", async () => {
    const person = await personAt(charter);
    const app = await clientAt(charter, { grant_types: ["authorization_code"], redirect_uris: [back], public: true });
    let form: Record<string, string> | undefined;
    const { held, rest } = await heldSignIn(person, async (who) => {
      form = await codeFor(charter, app.id, who).catch(() => undefined);
      return signIn(charter, who);
    });
    await act(person, "disable");
    await act(person, "enable");
    await held;
    await rest;
    if (form !== undefined) await expectWorthless(await tokenBy(charter, form));
  });

  it("does not bring back a password that was replaced meanwhile, nor lets it in", async () => {
    // A hash of another form is replaced at the login, and that must not undo a change.
    const username = `old.hash.${people++}`;
    const passwordHash = hashSync(goodPassword, 4);
    const body = {
      users: [
        {
          username,
          email: `${username}@example.org`,
          kind: "auditor",
          password_hash: passwordHash,
        },
      ],
    };
    expect((await charter.ask("/v1/users/import", { body })).json.imported).toBe(1);
    const { json } = await charter.ask("/v1/users?limit=1000");
    const { id } = json.users.find((user: { username: string }) => user.username === username);
    const person = { id, username, password: goodPassword };
    const { held, rest } = await heldSignIn(person, (who) => signIn(charter, who));
    const replaced = act(person, "reset-password");
    const answer = await held;
    const { one_time_password: oneTimePassword } = (await replaced).json;
    await rest;
    await expectWorthless(answer);
    expect((await signIn(charter, person)).status).toBe(400);
    const change = { username, current_password: oneTimePassword, new_password: "nine purple trombones" };
    expect((await charter.ask(`${auth}/password/change`, { key: null, body: change })).status).toBe(200);
  });
});

describe("a refresh or a code", () => {
  it("gives no token that outlives a change of the password at the same moment", async () => {
    for (let round = 0; round < 4; round++) {
      const person = await personAt(charter);
      const { refresh_token } = (await signIn(charter, person)).json;
      const newPassword = `nine purple trombones ${round}`;
      const change = { username: person.username, current_password: person.password, new_password: newPassword };
      const changing = charter.ask(`${auth}/password/change`, { key: null, body: change });
      const race = { over: false };
      void changing.finally(() => (race.over = true));
      const given: Answer[] = [];
      for (let token = refresh_token; !race.over && token !== undefined;) {
        given.push(await refresh(charter, token));
        token = given.at(-1)?.json.refresh_token;
      }
      expect((await changing).status).toBe(200);
      for (const answer of given) await expectWorthless(answer);
    }
  });

  it("is used once of many times at once, and then its whole family is dead", async () => {
    const person = await personAt(charter);
    const app = await clientAt(charter, {
      grant_types: ["authorization_code", "refresh_token"],
      redirect_uris: [back],
      public: true,
    });
    const form = await codeFor(charter, app.id, person);
    const exchanged = await Promise.all(Array.from({ length: 8 }, () => tokenBy(charter, form)));
    const won = exchanged.filter(({ status }) => status === 200);
    expect(won.length).toBeLessThanOrEqual(1);
    for (const answer of won) await expectWorthless(answer);
  });

  it("is dead at once when it was revoked, for requests that race with the revocation too", async () => {
    const person = await personAt(charter);
    for (let round = 0; round < 5; round++) {
      const { access_token, refresh_token } = (await signIn(charter, person)).json;
      const form = { "content-type": "application/x-www-form-urlencoded" };
      const body = new URLSearchParams({ token: access_token, client_id: "charter" }).toString();
      const [ended, refreshed] = await Promise.all([
        charter.ask(`${auth}/revoke`, { key: null, headers: form, body }),
        refresh(charter, refresh_token),
      ]);
      expect(ended.status).toBe(200);
      expect((await me(charter, access_token)).status).toBe(401);
      await expectWorthless(refreshed);
    }
  });

  it("finds a client that is revoked at the same moment either there or gone, and its token dead afterwards", async () => {
    const { id, secret } = await clientAt(charter);
    const form = { grant_type: "client_credentials", client_id: id, client_secret: secret };
    const asking = Array.from({ length: 10 }, () => tokenBy(charter, form));
    await charter.ask(`/v1/clients/${id}`, { method: "DELETE" });
    for (const { json } of await Promise.all(asking)) {
      if (json.access_token !== undefined) expect((await me(charter, json.access_token)).status).toBe(401);
    }
  });
});

describe("two at once", () => {
  it("cannot take the last admin away: not by demoting each other, disabling each other, or giving one to a product", async () => {
    for (const change of [{ role: "operator" }, { product: "AI_ASSISTANT" }, { kind: "auditor" }, undefined]) {
      await using fresh = await startTestCharter();
      const [first] = (await fresh.ask("/v1/users")).json.users;
      const second = await personAt(fresh, { kind: "admin", role: "admin" });
      const third = await personAt(fresh, { kind: "admin", role: "admin" });
      await fresh.ask(`/v1/users/${first.id}/disable`, { method: "POST" });
      const keys = [await bearerOf(fresh, second), await bearerOf(fresh, third)];
      const against = (id: string, key: string | undefined) =>
        fresh.ask(`/v1/users/${id}${change === undefined ? "/disable" : ""}`, {
          method: change === undefined ? "POST" : "PATCH",
          ...(key === undefined ? {} : { key }),
          ...(change === undefined ? {} : { body: change }),
        });
      const answers = await Promise.all([against(third.id, keys[0]), against(second.id, keys[1])]);
      const statuses = answers.map(({ status }) => status);
      expect(
        statuses.filter((status) => status === 200),
        JSON.stringify(change),
      ).toHaveLength(1);
      const rotate = (key: string) => fresh.ask("/v1/signing-keys/rotate", { method: "POST", key });
      const still = (await Promise.all(keys.map(rotate))).map(({ status }) => status);
      expect(
        still.toSorted((left, right) => left - right),
        JSON.stringify(change),
      ).toEqual([201, change === undefined ? 401 : 403]);
    }
  });

  it("cannot both have one user name, one address, or one mailed token", async () => {
    const email = `contested${people++}@example.org`;
    const name = `contested${people++}`;
    const register = (username: string) =>
      charter.ask(`${auth}/register`, { key: null, body: { username, email, password: goodPassword } });
    const same = await Promise.all([register(name), register(name.toUpperCase())]);
    expect(same.map(({ status }) => status).toSorted((left, right) => left - right)).toEqual([202, 409]);
    // Two registrations wait for one address: the first that proves it has it.
    expect((await register(`contested${people++}`)).status).toBe(202);
    const mails = await mailsTo(charter.dataDir, email, 2);
    const verified = await Promise.all(
      mails.map(({ token }) => charter.ask(`${auth}/verify`, { key: null, body: { token } })),
    );
    expect(verified.map(({ status }) => status).toSorted((left, right) => left - right)).toEqual([200, 400]);
  });

  it("cannot keep somebody from a reset: a stranger's requests void no token that a mail has brought", async () => {
    const person = await newcomerAt(charter);
    const email = `${person.username}@example.org`;
    const ask = (i: number) =>
      charter.ask(`${auth}/password-reset/request`, {
        key: null,
        body: { email },
        headers: { "x-forwarded-for": `198.51.100.${i}` },
      });
    let token = "";
    for (let i = 0; i < 3; i++) {
      await ask(i);
      token = await tokenFor(charter.dataDir, email, i + 2);
    }
    // From whatever addresses: no more mails go, and the last that went stays good.
    const more = await Promise.all(Array.from({ length: 12 }, (_, i) => ask(i + 10)));
    expect(new Set(more.map(({ status }) => status))).toEqual(new Set([202]));
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(await mailsTo(charter.dataDir, email, 4)).toHaveLength(4);
    const body = { token, new_password: "nine purple trombones" };
    expect((await charter.ask(`${auth}/password-reset/confirm`, { key: null, body })).status).toBe(200);
  });
});

describe("a clock that was set back or forward", () => {
  it("revives nothing: not a token past its end, not a session that was ended, not a lock that it opened", async () => {
    let nowMs = Date.now();
    await using timed = await startTestCharter({ clock: { nowMs: () => nowMs } });
    const person = await personAt(timed);
    const first = (await signIn(timed, person)).json;
    const ended = (await signIn(timed, person)).json;
    await timed.ask(`${auth}/logout`, { key: ended.access_token, method: "POST" });
    nowMs += 31 * 60_000;
    expect((await me(timed, first.access_token)).status).toBe(401);
    nowMs += 8 * 24 * 3_600_000;
    expect((await refresh(timed, first.refresh_token)).json.error).toBe("invalid_grant");
    nowMs -= 9 * 24 * 3_600_000;
    expect((await me(timed, ended.access_token)).status).toBe(401);
    for (let i = 0; i < 5; i++) await logIn(timed, person.username, `guess ${i}`);
    nowMs -= 3_600_000;
    expect((await logIn(timed, person.username, person.password)).json.code).toBe("auth.locked");
  });
});
