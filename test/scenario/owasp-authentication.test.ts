// OWASP API2:2023, broken authentication: guessing passwords, learning whose account there is, and presenting what is no
// credential or none any more.
import { createHook } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  auth,
  authorizeUrl,
  back,
  bearerOf,
  codeFor,
  goodPassword,
  logIn,
  newcomerAt,
  tokenBy,
  visit,
} from "../support/attack/attacks.ts";
import { startTestCharter } from "../support/app/in-process.ts";
import type { Answer, TestCharter } from "../support/app/in-process.ts";
import { mailsTo, tokenFor } from "../support/identity/mail.ts";
import { clientAt, me, personAt, pkce, refresh, signIn } from "../support/identity/oauth.ts";
import type { Person } from "../support/identity/oauth.ts";

let charter: TestCharter;
/** As many addresses as a test wants: a trusted proxy says which. */
const from = (address: string) => ({ headers: { "x-forwarded-for": address } });
beforeAll(async () => void (charter = await startTestCharter({ flags: { "trusted-proxies": "127.0.0.1" } })));
afterAll(() => charter[Symbol.asyncDispose]());

/** What an answer tells, without what differs from one request to the next. */
function told({ status, headers, json }: Answer): unknown {
  const { request_id: _1, intent_index: _2, outcome_index: _3, ...rest } = json ?? {};
  const names = [...headers.keys()].filter(
    (name) => !["date", "content-length"].includes(name) && !/ratelimit/.test(name),
  );
  return { status, rest, names };
}

/** How many password hashes are computed meanwhile. */
async function hashesIn(work: () => Promise<unknown>): Promise<number> {
  let hashes = 0;
  const hook = createHook({
    init(_id, type) {
      if (type === "ARGON2REQUEST") hashes++;
    },
  }).enable();
  try {
    await work();
    return hashes;
  } finally {
    hook.disable();
  }
}

describe("API2: guessing passwords", () => {
  it("locks a user for one address after five failures, through whatever doors they came", async () => {
    const victim = await personAt(charter);
    const { username } = victim;
    const there = from("198.51.100.1");
    const form = { "content-type": "application/x-www-form-urlencoded", ...there.headers };
    const app = await clientAt(charter, { grant_types: ["authorization_code"], redirect_uris: [back], public: true });
    const doors: (() => Promise<Answer>)[] = [
      () => logIn(charter, username, "guess 1", there),
      () => logIn(charter, username.toUpperCase(), "guess 2", there),
      () => charter.ask(`${auth}/token`, { key: null, headers: form, body: `username=${username}&password=guess+3` }),
      () =>
        charter.ask(`${auth}/password/change`, {
          key: null,
          ...there,
          body: { username, current_password: "guess 4", new_password: goodPassword },
        }),
      () => {
        const query = authorizeUrl(app.id, pkce().challenge).split("?")[1];
        const body = `${query}&decision=approve&username=${username}&password=guess+5`;
        return charter.ask(`${auth}/authorize`, { key: null, headers: form, body });
      },
    ];
    for (const door of doors) expect([400, 401]).toContain((await door()).status);
    const locked = await logIn(charter, username, victim.password, there);
    expect([locked.status, locked.json.code]).toEqual([429, "auth.locked"]);
    expect(Number(locked.headers.get("retry-after"))).toBeGreaterThan(400);
    for (const door of doors) expect((await door()).status).toBe(429);
    // Neither the user elsewhere nor somebody else there is held up, and a header of one's own is no other address.
    expect((await logIn(charter, username, victim.password, from("198.51.100.2"))).status).toBe(200);
    const another = await personAt(charter);
    expect((await logIn(charter, another.username, another.password, there)).status).toBe(200);
    expect((await logIn(charter, username, victim.password, from("203.0.113.9, 198.51.100.1"))).status).toBe(429);
  });

  it("is worth no more in a burst, nor from the other addresses of one IPv6 network", async () => {
    const { username, password } = await personAt(charter);
    const burst = Array.from({ length: 20 }, (_, i) =>
      logIn(charter, username, i === 19 ? password : `guess ${i}`, from(`2001:db8::${(i + 1).toString(16)}`)),
    );
    const statuses = (await Promise.all(burst)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(5);
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(14);
  });

  it("is throttled by address across user names", async () => {
    await using strict = await startTestCharter({ flags: { "rate-factor": "1" } });
    const statuses: number[] = [];
    for (let i = 0; i < 7; i++) {
      // Whatever the attacker says of where it comes from.
      const headers = {
        "x-forwarded-for": `198.51.100.${i}`,
        "x-real-ip": `198.51.100.${i}`,
        forwarded: `for=198.51.100.${i}`,
      };
      statuses.push((await logIn(strict, `stuffed${i}`, "password1", { headers })).status);
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429]);
  });
});

describe("API2: learning who is here", () => {
  it("fails alike for nobody, somebody, somebody disabled, unverified or locked in by a one-time password, at equal work", async () => {
    const somebody = await personAt(charter);
    const disabled = await personAt(charter);
    await charter.ask(`/v1/users/${disabled.id}/disable`, { method: "POST" });
    const fresh = { username: "freshly.made", email: "fresh@example.org", kind: "auditor" };
    await charter.ask("/v1/users", { body: fresh });
    const waiting = { username: "not.verified", email: "waiting@example.org", password: goodPassword };
    await charter.ask(`${auth}/register`, { key: null, body: waiting });
    const names = [
      somebody.username,
      disabled.username,
      fresh.username,
      waiting.username,
      "admin",
      "' or 1=1 --",
      "\u212aate",
    ];
    let turn = 0;
    const attempts: [string, (username: string) => Promise<Answer>][] = [
      ["login", (username) => logIn(charter, username, "wrong", from(`192.0.2.${++turn}`))],
      [
        "token",
        (username) =>
          charter.ask(`${auth}/token`, {
            key: null,
            headers: { "content-type": "application/x-www-form-urlencoded", ...from(`192.0.2.${++turn}`).headers },
            body: new URLSearchParams({ grant_type: "password", username, password: "wrong" }).toString(),
          }),
      ],
      [
        "change",
        (username) =>
          charter.ask(`${auth}/password/change`, {
            key: null,
            ...from(`192.0.2.${++turn}`),
            body: { username, current_password: "wrong", new_password: "another good phrase" },
          }),
      ],
    ];
    for (const [door, attempt] of attempts) {
      let unknown: Answer | undefined;
      const work = await hashesIn(async () => void (unknown = await attempt("nobody.at.all")));
      expect([door, work]).toEqual([door, 1]);
      for (const name of names) {
        let answer: Answer | undefined;
        const done = await hashesIn(async () => void (answer = await attempt(name)));
        expect([door, name, done, told(answer!)]).toEqual([door, name, work, told(unknown!)]);
      }
    }
    // The right password of somebody disabled is as wrong as any.
    const right = await logIn(charter, disabled.username, disabled.password, from("192.0.2.200"));
    expect(told(right)).toEqual(told(await logIn(charter, "nobody.at.all", "wrong", from("192.0.2.201"))));
  });

  it("answers registrations and resets alike for addresses that are known and that are not, at equal work", async () => {
    const { username } = await newcomerAt(charter);
    const known = `${username}@example.org`;
    const reset = (email: string) => charter.ask(`${auth}/password-reset/request`, { key: null, body: { email } });
    const answers = [await reset(known), await reset("nobody@example.org"), await reset(known.toUpperCase())];
    expect(
      new Set(answers.map((answer) => JSON.stringify({ ...(told(answer) as object), rest: answer.json.detail }))).size,
    ).toBe(1);
    const register = (email: string) => {
      const body = { username: `r${randomBytes(6).toString("hex")}`, email, password: goodPassword };
      return charter.ask(`${auth}/register`, { key: null, body });
    };
    const work: number[] = [];
    const details: unknown[] = [];
    for (const email of [known, "stranger@example.org"]) {
      let answer: Answer | undefined;
      work.push(await hashesIn(async () => void (answer = await register(email))));
      details.push([answer!.status, answer!.json.detail]);
    }
    expect([work[0], details[0]]).toEqual([work[1], details[1]]);
    expect(work[0]).toBe(1);
  });

  it("knows a user name in one spelling only, so that no other letter looks like somebody's", async () => {
    const register = (username: string) =>
      charter.ask(`${auth}/register`, {
        key: null,
        body: { username, email: `${randomBytes(4).toString("hex")}@example.org`, password: goodPassword },
      });
    expect((await register("paypal")).status).toBe(202);
    // Case and the Kelvin sign fold into a name that is taken; all the others are no user names.
    for (const [name, code] of [
      ["PayPal", "user.exists"],
      ["p\u0430ypal", "user.invalid"],
      ["\uff50aypal", "user.invalid"],
      ["paypa\u217c", "user.invalid"],
      ["paypal ", "user.invalid"],
      ["pay\u200bpal", "user.invalid"],
      ["pay\u0000pal", "user.invalid"],
      ["payp\u00e1l", "user.invalid"],
    ] as const) {
      const answer = await register(name);
      expect([name, answer.json.code]).toEqual([name, code]);
    }
    expect((await register("kate")).status).toBe(202);
    expect((await register("\u212aate")).json.code).toBe("user.exists");
  });

  it.each([
    "ada@ex\u0430mple.org",
    "\u0430da@example.org",
    "ada@example.org\r\nBcc: eve@example.org",
    "ada@example.org,eve@example.org",
    "<ada@example.org>",
    "ada@example.org (eve)",
    '"ada eve"@example.org',
    "ada@[127.0.0.1]",
    "ada@localhost",
    "ada@example.org.",
    "ada@@example.org",
    "\uff41da@example.org",
  ])("takes no mail address that could be read as another: %j", async (email) => {
    const body = { username: `a${randomBytes(6).toString("hex")}`, email, password: goodPassword };
    expect((await charter.ask(`${auth}/register`, { key: null, body })).json.code).toBe("user.invalid");
    const reset = await charter.ask(`${auth}/password-reset/request`, { key: null, body: { email } });
    expect(reset.status).toBe(202);
  });
});

describe("API2: what is no credential", () => {
  it("is a token anywhere but in the Authorization header", async () => {
    const token = await bearerOf(charter, await personAt(charter));
    for (const query of [
      `access_token=${token}`,
      `token=${token}`,
      `api_key=${charter.adminKey}`,
      `key=${charter.adminKey}`,
    ]) {
      expect([query.slice(0, 12), (await visit(charter, `${auth}/me?${query}`)).status]).toEqual([
        query.slice(0, 12),
        401,
      ]);
    }
    for (const headers of [
      { cookie: `access_token=${token}; session=${token}` },
      { "x-api-key": charter.adminKey },
      { "x-access-token": token },
      { authorization: `Basic ${btoa(`admin:${charter.adminKey}`)}` },
      { authorization: `Token ${token}` },
      { authorization: token },
      { authorization: `Bearer ${token}, Bearer ${charter.adminKey}` },
      { authorization: `Bearer\u00a0${token}` },
      { "proxy-authorization": `Bearer ${token}` },
    ]) {
      const [name] = Object.keys(headers);
      expect([
        name,
        (await visit(charter, `${auth}/me`, { headers: { ...headers } as Record<string, string> })).status,
      ]).toEqual([name, 401]);
    }
    const form = new URLSearchParams({ access_token: token });
    const posted = await visit(charter, `${auth}/logout`, { method: "POST", body: form });
    expect(posted.status).toBe(401);
  });

  it("is a refresh token, a code, a one-time token, a client's secret or somebody's password", async () => {
    const person = await newcomerAt(charter);
    const { refresh_token } = (await signIn(charter, person)).json;
    const app = await clientAt(charter, { grant_types: ["authorization_code"], redirect_uris: [back] });
    const { code } = await codeFor(charter, app.id, await personAt(charter));
    const email = `${person.username}@example.org`;
    await charter.ask(`${auth}/password-reset/request`, { key: null, body: { email } });
    const mailed = await tokenFor(charter.dataDir, email, 2);
    for (const key of [refresh_token, code!, mailed, app.secret, app.id, "charter", person.id]) {
      expect((await me(charter, key)).status).toBe(401);
    }
    expect((await me(charter, encodeURIComponent(person.password))).status).toBe(401);
  });
});

describe("API2: what has been used or was replaced", () => {
  it("is a code: the second use fails and ends what the first gave", async () => {
    const app = await clientAt(charter, {
      grant_types: ["authorization_code", "refresh_token"],
      redirect_uris: [back],
    });
    const form = { ...(await codeFor(charter, app.id, await personAt(charter))), client_secret: app.secret };
    const first = await tokenBy(charter, form);
    expect([first.status, (await me(charter, first.json.access_token)).status]).toEqual([200, 200]);
    expect((await tokenBy(charter, form)).json.error).toBe("invalid_grant");
    expect((await me(charter, first.json.access_token)).status).toBe(401);
    const again = {
      grant_type: "refresh_token",
      refresh_token: first.json.refresh_token,
      client_id: app.id,
      client_secret: app.secret,
    };
    expect((await tokenBy(charter, again)).json.error).toBe("invalid_grant");
  });

  it("is a one-time token: after its use, after a newer one, after another way to the same end", async () => {
    const person = await newcomerAt(charter);
    const email = `${person.username}@example.org`;
    const ask = () => charter.ask(`${auth}/password-reset/request`, { key: null, body: { email } });
    const confirm = (token: string, newPassword: string) =>
      charter.ask(`${auth}/password-reset/confirm`, { key: null, body: { token, new_password: newPassword } });
    const verify = (token: string) => charter.ask(`${auth}/verify`, { key: null, body: { token } });
    const [first] = await mailsTo(charter.dataDir, email, 1);
    expect((await verify(first!.token)).json.code).toBe("auth.token_invalid");

    await ask();
    const used = await tokenFor(charter.dataDir, email, 2);
    // One purpose is not the other.
    expect((await verify(used)).json.code).toBe("auth.token_invalid");
    const both = await Promise.all([confirm(used, "five green trombones"), confirm(used, "nine purple trombones")]);
    expect(both.map(({ status }) => status).toSorted((left, right) => left - right)).toEqual([200, 400]);
    expect((await confirm(used, "five green trombones")).json.code).toBe("auth.token_invalid");
    const password = both[0].status === 200 ? "five green trombones" : "nine purple trombones";

    await ask();
    // The notice of the change has no token.
    const waiting = await tokenFor(charter.dataDir, email, 4);
    const body = { username: person.username, current_password: password, new_password: "eight blue trombones" };
    expect((await charter.ask(`${auth}/password/change`, { key: null, body })).status).toBe(200);
    expect((await confirm(waiting, "ten white trombones")).json.code).toBe("auth.token_invalid");

    await ask();
    const late = await tokenFor(charter.dataDir, email, 6);
    await charter.ask(`/v1/users/${person.id}/disable`, { method: "POST" });
    expect((await confirm(late, "ten white trombones")).json.code).toBe("auth.token_invalid");
    await charter.ask(`/v1/users/${person.id}/enable`, { method: "POST" });
    expect((await confirm(late, "ten white trombones")).json.code).toBe("auth.token_invalid");
    expect((await logIn(charter, person.username, "eight blue trombones")).status).toBe(200);
  });

  it("is everything of somebody who was disabled: tokens, families, codes and the keys that they own", async () => {
    const person = await personAt(charter);
    const owned = await charter.ask("/v1/keys", {
      body: { kind: "product", product: "AI_ASSISTANT", owner: person.id },
    });
    const app = await clientAt(charter, { grant_types: ["authorization_code"], redirect_uris: [back], public: true });
    const code = await codeFor(charter, app.id, person);
    const { access_token, refresh_token } = (await signIn(charter, person)).json;
    expect([(await me(charter, access_token)).status, (await me(charter, owned.json.key)).status]).toEqual([200, 200]);
    await charter.ask(`/v1/users/${person.id}/disable`, { method: "POST" });
    expect([(await me(charter, access_token)).status, (await me(charter, owned.json.key)).status]).toEqual([401, 401]);
    expect((await refresh(charter, refresh_token)).json.error).toBe("invalid_grant");
    expect((await tokenBy(charter, code)).json.error).toBe("invalid_grant");
    await charter.ask(`/v1/users/${person.id}/enable`, { method: "POST" });
    expect((await me(charter, access_token)).status).toBe(401);
    expect((await refresh(charter, refresh_token)).json.error).toBe("invalid_grant");
  });

  it("is a role: what was taken away is gone from the next call on, what the token says of it notwithstanding", async () => {
    const person: Person = await personAt(charter, { kind: "admin", role: "admin" });
    const token = await bearerOf(charter, person);
    expect((await charter.ask("/v1/users", { key: token })).status).toBe(200);
    await charter.ask(`/v1/users/${person.id}`, { method: "PATCH", body: { role: "observer" } });
    expect((await charter.ask("/v1/users", { key: token })).status).toBe(403);
    await charter.ask(`/v1/users/${person.id}`, { method: "PATCH", body: { kind: "product", product: "GURUKUL" } });
    expect((await me(charter, token)).json.principal).toMatchObject({
      kind: "product",
      role: "observer",
      product: "GURUKUL",
    });
  });
});
