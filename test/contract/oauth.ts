// What the authorization server promises on every database: families of tokens that are whole, used once, and end together.
import { decodeJwt, importJWK, SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DatabasePlaces } from "./databases.ts";
import { refreshGraceSeconds } from "../../src/identity/oauth/lifetimes.ts";
import { oauthRig, tokenOf } from "./oauth-rig.ts";
import type { Approved, OAuthProcess, OAuthRig, Sent } from "./oauth-rig.ts";
import { actOn, appliedOf } from "../support/storage/acts.ts";

const dayMs = 24 * 3_600_000;
const graceMs = 1000 * refreshGraceSeconds;

/** Runs the suite on one database. */
export function oauthContract(name: string, places: DatabasePlaces): void {
  describe(`the authorization server on ${name}`, () => {
    let rig: OAuthRig;
    let one: OAuthProcess;
    let two: OAuthProcess;

    beforeEach(async () => {
      rig = await oauthRig(await places());
      one = await rig.process();
      two = await rig.process();
    });
    afterEach(() => rig[Symbol.asyncDispose]());

    const redeem = (at: OAuthProcess, { client, code, verifier, redirectUri }: Approved, changed = {}): Promise<Sent> =>
      rig.send(at, "token", {
        grant_type: "authorization_code",
        code,
        code_verifier: verifier,
        redirect_uri: redirectUri,
        ...client,
        ...changed,
      });

    it("gives tokens for a password, and puts on record that it did", async () => {
      const signedIn = await rig.signIn(one);
      expect(signedIn.answer.status).toBe(200);
      expect(await appliedOf(rig.db, [signedIn.intent])).toEqual([true]);
      const access = tokenOf(signedIn, "access_token");
      expect(await two.oauth.verifier.verify(access)).toEqual({
        id: rig.person.id,
        kind: "product",
        product: "AI_ASSISTANT",
        role: "developer",
        human: true,
      });
      const claims = decodeJwt(access);
      expect(claims).toMatchObject({ sub: rig.person.id, client_id: "charter", scope: "api", epoch: 1 });
      expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(1800);
      expect(claims.iat).toBe(rig.nowMs / 1000);
      expect(signedIn.answer.issued).toEqual({ account: rig.person.id, client: "charter", grant: claims["gid"] });
    });

    it("keeps no token, code, secret or private key in its tables", async () => {
      const signedIn = await rig.signIn(one);
      const approved = await rig.approved(one);
      const dump = await rig.dump();
      expect(dump).toContain(rig.person.id);
      const secrets = [tokenOf(signedIn, "refresh_token"), approved.code, approved.client.client_secret];
      for (const secret of secrets) {
        expect(secret.length).toBeGreaterThan(20);
        expect(dump).not.toContain(secret);
      }
      const { privateJwk } = await one.oauth.keys.current();
      expect(privateJwk.d).toMatch(/^[\w-]{43}$/);
      expect(dump).not.toContain(privateJwk.d);
    });

    it("writes nothing when the password is wrong", async () => {
      const before = await rig.dump();
      const form = { grant_type: "password", username: "u", password: "wrong" };
      await expect(rig.send(one, "token", form)).rejects.toMatchObject({ code: "auth.invalid" });
      expect(await rig.dump()).toBe(before);
      expect(await appliedOf(rig.db, [1])).toEqual([false]);
    });

    it("exchanges a refresh token for the next, each good once", async () => {
      const first = await rig.signIn(one);
      const second = await rig.refresh(two, tokenOf(first, "refresh_token"));
      expect(second.answer.status).toBe(200);
      expect(tokenOf(second, "refresh_token")).not.toBe(tokenOf(first, "refresh_token"));
      const third = await rig.refresh(one, tokenOf(second, "refresh_token"));
      expect(third.answer.status).toBe(200);
      expect(decodeJwt(tokenOf(third, "access_token"))["gid"]).toBe(decodeJwt(tokenOf(first, "access_token"))["gid"]);
    });

    it("ends the whole family when a used refresh token is shown again, and says that it was", async () => {
      const first = await rig.signIn(one);
      const second = await rig.refresh(one, tokenOf(first, "refresh_token"));
      const stranger = await rig.signIn(one);
      rig.nowMs += graceMs;
      const reused = await rig.refresh(two, tokenOf(first, "refresh_token"));
      expect(reused.answer).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
      expect(reused.answer.reuse).toEqual({ model: "RefreshToken", grantId: first.answer.issued?.grant });
      expect(await appliedOf(rig.db, [reused.intent])).toEqual([true]);
      expect((await rig.refresh(one, tokenOf(second, "refresh_token"))).answer.status).toBe(400);
      // In the process that noticed at once, in the other within five seconds; nobody else's session suffers.
      expect(await two.oauth.verifier.verify(tokenOf(second, "access_token"))).toBeUndefined();
      rig.nowMs += 5_000;
      expect(await one.oauth.verifier.verify(tokenOf(second, "access_token"))).toBeUndefined();
      expect((await rig.refresh(one, tokenOf(stranger, "refresh_token"))).answer.status).toBe(200);
    });

    it("lets parallel refreshes in two processes, and one whose answer was lost, succeed for a short while", async () => {
      for (let round = 0; round < 5; round++) {
        const token = tokenOf(await rig.signIn(one), "refresh_token");
        const answers = await Promise.all([one, two, one].map((at) => rig.refresh(at, token)));
        expect(answers.map(({ answer }) => answer.status)).toEqual([200, 200, 200]);
        rig.nowMs += graceMs - 1;
        const again = await rig.refresh(two, token);
        expect(again.answer.status).toBe(200);
        for (const { answer } of [...answers, again]) expect(answer.issued?.grant).toBe(again.answer.issued?.grant);
        rig.nowMs += 1;
        expect((await rig.refresh(one, token)).answer).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
        expect((await rig.refresh(one, tokenOf(again, "refresh_token"))).answer.status).toBe(400);
      }
    });

    it("does not forgive a use for longer because the clock was set back", async () => {
      const first = await rig.signIn(one);
      await rig.refresh(one, tokenOf(first, "refresh_token"));
      rig.nowMs -= 60_000;
      expect((await rig.refresh(one, tokenOf(first, "refresh_token"))).answer.status).toBe(400);
      rig.nowMs += 60_000;
    });

    it("leaves no half family when it breaks between the intent and the commit", async () => {
      const before = await rig.dump();
      rig.person.breaks = new Error("the disk is gone");
      await expect(rig.signIn(one)).rejects.toThrow("the disk is gone");
      expect(await rig.dump()).toBe(before);
      expect(await appliedOf(rig.db, [1])).toEqual([false]);
      rig.person.breaks = undefined;
      expect((await rig.signIn(one)).answer.status).toBe(200);
    });

    it("lets a refresh token be tried again after the commit failed", async () => {
      const token = tokenOf(await rig.signIn(one), "refresh_token");
      const { store } = one.oauth;
      const commit = store.commit.bind(store);
      store.commit = (unit, intent) => {
        unit.also.push(() => Promise.reject(new Error("killed")));
        return commit(unit, intent);
      };
      await expect(rig.refresh(one, token)).rejects.toThrow("killed");
      store.commit = commit;
      expect((await rig.refresh(one, token)).answer.status).toBe(200);
    });

    it("refuses a refresh token after seven days, and a family after thirty however often it was refreshed", async () => {
      const idle = tokenOf(await rig.signIn(one), "refresh_token");
      let busy = await rig.signIn(one);
      rig.nowMs += 7 * dayMs;
      expect((await rig.refresh(one, idle)).answer.status).toBe(400);
      rig.nowMs -= dayMs;
      for (let day = 6; day < 30; day += 6) {
        busy = await rig.refresh(one, tokenOf(busy, "refresh_token"));
        expect(busy.answer.status).toBe(200);
        rig.nowMs += 6 * dayMs;
      }
      expect((await rig.refresh(one, tokenOf(busy, "refresh_token"))).answer.status).toBe(400);
    });

    it("ends every session of an account whose epoch grows or that is disabled", async () => {
      const signedIn = await rig.signIn(one);
      const [access, refresh] = [tokenOf(signedIn, "access_token"), tokenOf(signedIn, "refresh_token")];
      rig.person.disabled = true;
      expect(await one.oauth.verifier.verify(access)).toBeUndefined();
      expect((await rig.refresh(one, refresh)).answer.status).toBe(400);
      rig.person.disabled = false;
      expect(await one.oauth.verifier.verify(access)).toBeDefined();
      rig.person.epoch++;
      expect(await one.oauth.verifier.verify(access)).toBeUndefined();
      expect((await rig.refresh(one, refresh)).answer.status).toBe(400);
    });

    it("redeems a code once; a second time ends the session that came of it", async () => {
      const approved = await rig.approved(one);
      const redeemed = await redeem(two, approved);
      expect(redeemed.answer.status).toBe(200);
      const again = await redeem(one, approved);
      expect(again.answer).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
      expect(again.answer.reuse?.model).toBe("AuthorizationCode");
      expect(await one.oauth.verifier.verify(tokenOf(redeemed, "access_token"))).toBeUndefined();
      const next = await rig.refresh(one, tokenOf(redeemed, "refresh_token"), approved.client);
      expect(next.answer.status).toBe(400);
    });

    it("lets exactly one of two parallel redemptions succeed", async () => {
      const approved = await rig.approved(one);
      const answers = await Promise.all([redeem(one, approved), redeem(two, approved)]);
      expect(answers.map(({ answer }) => String(answer.status)).toSorted()).toEqual(["200", "400"]);
    });

    it("refuses a code with another verifier, redirect URI, client or after a minute, and does not use it up", async () => {
      const approved = await rig.approved(one);
      const other = await rig.approved(one);
      const wrong: Record<string, string>[] = [
        { code_verifier: other.verifier },
        { redirect_uri: "https://app.example/other" },
        { ...other.client },
        { client_secret: other.client.client_secret },
      ];
      for (const changed of wrong) {
        expect((await redeem(one, approved, changed)).answer.status, JSON.stringify(changed)).toBeGreaterThanOrEqual(
          400,
        );
      }
      expect((await redeem(one, approved)).answer.status).toBe(200);
      rig.nowMs += 61_000;
      expect((await redeem(one, other)).answer.status).toBe(400);
    });

    it("ends a family by any of its tokens, and nobody else's", async () => {
      const [mine, yours] = [await rig.signIn(one), await rig.signIn(one)];
      const client_id = "charter";
      const revoked = await rig.send(one, "revoke", { token: tokenOf(mine, "access_token"), client_id });
      expect(revoked.answer.status).toBe(200);
      expect(await one.oauth.verifier.verify(tokenOf(mine, "access_token"))).toBeUndefined();
      expect((await rig.refresh(one, tokenOf(mine, "refresh_token"))).answer.status).toBe(400);
      const approved = await rig.approved(one);
      const foreign = { token: tokenOf(yours, "access_token"), ...approved.client };
      expect((await rig.send(one, "revoke", foreign)).answer).toMatchObject({ body: { error: "invalid_request" } });
      expect(await one.oauth.verifier.verify(tokenOf(yours, "access_token"))).toBeDefined();
      await rig.send(one, "revoke", { token: tokenOf(yours, "refresh_token"), client_id });
      expect(await one.oauth.verifier.verify(tokenOf(yours, "access_token"))).toBeUndefined();
    });

    it("believes a token of its own key only with its own type, issuer, audience, times and an owner", async () => {
      const signing = await one.oauth.keys.current();
      const key = await importJWK(signing.privateJwk, "EdDSA");
      const good = decodeJwt(tokenOf(await rig.signIn(one), "access_token"));
      const { kid } = signing;
      const verify = async (claims: Record<string, unknown>, header: Record<string, unknown> = {}) =>
        one.oauth.verifier.verify(
          await new SignJWT({ ...good, ...claims })
            .setProtectedHeader({ alg: "EdDSA", typ: "at+jwt", kid, ...header })
            .sign(key),
        );
      expect(await verify({})).toBeDefined();
      expect(await verify({}, { typ: "application/at+jwt" })).toBeDefined();
      const seconds = rig.nowMs / 1000;
      const wrong: [Record<string, unknown>, Record<string, unknown>?][] = [
        [{ aud: "urn:other:api" }],
        [{ aud: undefined }],
        [{ iss: "https://other.example" }],
        [{ exp: seconds - 6 }],
        [{ exp: undefined }],
        [{ nbf: seconds + 60 }],
        [{ sub: "usr_0190a0a0-0000-7000-8000-000000000002" }],
        [{ sub: "charter" }],
        [{ client_id: "cli_0190a0a0-0000-7000-8000-000000000001" }],
        [{ epoch: 2 }],
        [{ epoch: undefined }],
        [{ gid: "unknown" }],
        [{ jti: undefined }],
        [{}, { typ: "JWT" }],
        [{}, { typ: undefined }],
        [{}, { kid: undefined }],
        [{}, { kid: "other" }],
      ];
      for (const [claims, header] of wrong) {
        const what = JSON.stringify([claims, header], (_key, value: unknown) => (value === undefined ? "none" : value));
        expect(await verify(claims, header), what).toBeUndefined();
      }
    });

    it("signs with a new key after a rotation, believes the old one until its tokens have expired, then no longer", async () => {
      const old = tokenOf(await rig.signIn(one), "access_token");
      const before = (await one.oauth.keys.jwks()).keys.map(({ kid }) => kid);
      await one.oauth.keys.rotate(await one.oauth.keys.mint(), actOn(rig.db, 900));
      expect(await appliedOf(rig.db, [900])).toEqual([true]);
      const fresh = tokenOf(await rig.signIn(one), "access_token");
      for (const at of [one, two]) {
        for (const token of [old, fresh]) expect(await at.oauth.verifier.verify(token)).toBeDefined();
      }
      const during = (await one.oauth.keys.jwks()).keys.map(({ kid }) => kid);
      expect(during).toHaveLength(2);
      expect(during).toEqual(expect.arrayContaining(before));
      rig.nowMs += 5_000;
      await rig.signIn(two);
      const signers = (await two.oauth.keys.current()).kid;
      expect(before).not.toContain(signers);
      rig.nowMs += 31 * 60_000;
      expect((await one.oauth.keys.jwks()).keys.map(({ kid }) => kid)).toEqual([signers]);
      expect((await one.oauth.keys.list()).map(({ published }) => published)).toEqual([true, false]);
    });

    it("signs with keys of its own in each process that has a secret of its own, and all believe each other", async () => {
      const moved = await rig.process(new Uint8Array(32).fill(7));
      const kids = async () => new Set([(await one.oauth.keys.current()).kid, (await moved.oauth.keys.current()).kid]);
      const check = async () => {
        expect((await kids()).size).toBe(2);
        const tokens = [
          tokenOf(await rig.signIn(one), "access_token"),
          tokenOf(await rig.signIn(moved), "access_token"),
        ];
        for (const at of [one, two, moved]) {
          for (const token of tokens) expect(await at.oauth.verifier.verify(token)).toBeDefined();
        }
      };
      await check();
      await one.oauth.keys.rotate(await one.oauth.keys.mint(), actOn(rig.db, 901));
      rig.nowMs += 5_000;
      await check();
    });

    it("destroys the private part of a key that signs nothing any more", async () => {
      const { kid } = await one.oauth.keys.current();
      const { read } = rig.db.tables<{ identity_signing_keys: { kid: string; sealed: string } }>();
      const sealed = async () => {
        const row = read.selectFrom("identity_signing_keys").select("sealed").where("kid", "=", kid);
        return (await row.executeTakeFirstOrThrow()).sealed;
      };
      expect(await sealed()).toMatch(/^ey/);
      await one.oauth.keys.rotate(await one.oauth.keys.mint(), actOn(rig.db, 902));
      expect(await sealed()).toBe("");
    });

    it("forgets what has expired", async () => {
      await rig.signIn(one);
      rig.nowMs += 31 * dayMs;
      await one.oauth.store.sweep();
      expect(await rig.dump()).not.toContain(rig.person.id);
    });
  });
}
