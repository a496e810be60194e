// An authorization server over a database, without the rest of the house, and as many processes of it as a test wants.
import { randomBytes } from "node:crypto";
import { defaultConstitutionDir, loadConstitution } from "../../src/constitution/index.ts";
import type { Database } from "../../src/db/index.ts";
import { identityMigrations, newClientId, openOAuth, userFault } from "../../src/identity/index.ts";
import type { OAuth, OAuthAnswer } from "../../src/identity/index.ts";
import { OidcProviderServer } from "../../src/identity/oauth/oidc-provider.ts";
import type { TokenAccounts } from "../../src/identity/oauth/index.ts";
import type { Clock } from "../../src/kernel/clock.ts";
import { silentLog } from "../../src/kernel/ctx.ts";
import { sha256Hex } from "../../src/kernel/hash.ts";
import { lesserRole } from "../../src/kernel/roles.ts";
import { pkce } from "../support/identity/oauth.ts";
import type { DatabasePlace } from "./databases.ts";
import { actOn } from "../support/storage/acts.ts";

/** One process of the server. */
export interface OAuthProcess {
  readonly oauth: OAuth;
  readonly server: OidcProviderServer;
}

/** The person that can sign in, with what a test changes of them. */
export interface TestPerson {
  readonly id: string;
  readonly password: string;
  epoch: number;
  disabled: boolean;
  /** Thrown when the login is noted, inside the transaction. */
  breaks: Error | undefined;
}

/** The rig. */
export interface OAuthRig extends AsyncDisposable {
  readonly db: Database;
  readonly person: TestPerson;
  nowMs: number;
  process(secret?: Uint8Array): Promise<OAuthProcess>;
  /** Sends a form to an endpoint as an act of its own; resolves with the answer and the act's number. */
  send(at: OAuthProcess, endpoint: "token" | "revoke", form: Record<string, string>): Promise<Sent>;
  /** Signs the person in. */
  signIn(at: OAuthProcess): Promise<Sent>;
  refresh(at: OAuthProcess, token: string, client?: Record<string, string>): Promise<Sent>;
  /** Registers an application and gets an approval for it. */
  approved(at: OAuthProcess): Promise<Approved>;
  /** Every row of the server's tables, as text. */
  dump(): Promise<string>;
}

/** An answer and the number of the act that it came from. */
export interface Sent {
  readonly answer: OAuthAnswer;
  readonly intent: number;
}

/** An application with a code in its hands. */
export interface Approved {
  readonly client: Record<"client_id" | "client_secret", string>;
  readonly code: string;
  readonly verifier: string;
  readonly redirectUri: string;
}

/** A token of an answer's body. */
export function tokenOf({ answer }: Sent, name: "access_token" | "refresh_token"): string {
  return String(answer.body?.[name]);
}

/** Opens the rig at a place. */
export async function oauthRig(place: DatabasePlace): Promise<OAuthRig> {
  const db = await place.open();
  await db.migrate(identityMigrations);
  // The library's clock is the machine's, ours starts somewhere else: nothing may depend on the two agreeing.
  const state = { nowMs: Date.UTC(2031, 0, 1) };
  const clock: Clock = { nowMs: () => state.nowMs };
  const id = "usr_0190a0a0-0000-7000-8000-000000000001";
  const person: TestPerson = { id, password: "right", epoch: 1, disabled: false, breaks: undefined };
  const accounts: TokenAccounts = {
    lesserRole: (one, other) => lesserRole(one, other, loadConstitution(defaultConstitutionDir()).data.roles),
    check: ({ password }) =>
      password === person.password
        ? Promise.resolve({ id: person.id, epoch: person.epoch })
        : Promise.reject(userFault("auth.invalid", "the username or the password is wrong")),
    status: (id) => {
      const { disabled, epoch } = person;
      const status = { kind: "product", role: "developer", product: "AI_ASSISTANT", disabled, epoch } as const;
      return Promise.resolve(id === person.id ? status : undefined);
    },
    recordLogin: () => (person.breaks === undefined ? Promise.resolve() : Promise.reject(person.breaks)),
  };
  const ordinarySecret = randomBytes(32);
  let intents = 0;
  const redirectUri = "https://app.example/callback";

  const rig: OAuthRig = {
    db,
    person,
    get nowMs() {
      return state.nowMs;
    },
    set nowMs(value) {
      state.nowMs = value;
    },
    async process(secret = ordinarySecret) {
      const issuer = (): string => "https://charter.example";
      const settings = { tokenAlgorithm: "EdDSA", passwordGrant: true } as const;
      const oauth = await openOAuth({ db, clock, log: silentLog, accounts, secret, issuer, ...settings });
      return { oauth, server: new OidcProviderServer(oauth) };
    },
    async send({ server }, endpoint, form) {
      const intent = ++intents;
      const request = { endpoint, form: new URLSearchParams(form).toString() };
      return { answer: await server.handle(request, { address: "192.0.2.1", act: actOn(db, intent) }), intent };
    },
    signIn: (at) => rig.send(at, "token", { grant_type: "password", username: "u", password: person.password }),
    refresh: (at, refresh_token, client = { client_id: "charter" }) =>
      rig.send(at, "token", { grant_type: "refresh_token", refresh_token, ...client }),
    async approved(at) {
      const secret = randomBytes(32).toString("base64url");
      const id = newClientId(clock);
      const draft = {
        name: "Application",
        kind: "executor",
        role: "operator",
        grantTypes: ["authorization_code", "refresh_token"],
        redirectUris: [redirectUri],
      } as const;
      await at.oauth.clients.create({ id, draft, secretHash: sha256Hex(secret), createdBy: "system" }, actOn(db));
      const { verifier, challenge } = pkce();
      const query = new URLSearchParams({
        response_type: "code",
        client_id: id,
        redirect_uri: redirectUri,
        code_challenge: challenge,
        code_challenge_method: "S256",
      });
      const verdict = { approve: true, username: "u", password: person.password } as const;
      const { location = "" } = await at.server.authorize(query.toString(), verdict, {
        address: "",
        act: actOn(db),
      });
      const code = new URL(location).searchParams.get("code") ?? "";
      return { client: { client_id: id, client_secret: secret }, code, verifier, redirectUri };
    },
    async dump() {
      const read = db.tables<Record<string, Record<string, unknown>>>().read;
      const tables = ["oauth_clients", "oauth_grants", "oauth_tokens", "oauth_revoked_tokens", "identity_signing_keys"];
      const rows = await Promise.all(tables.map((table) => read.selectFrom(table).selectAll().execute()));
      return JSON.stringify(rows);
    },
    async [Symbol.asyncDispose]() {
      await db[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    },
  };
  return rig;
}
