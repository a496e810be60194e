// The authorization server by oidc-provider (certified OpenID), spoken to in memory. It decides what OAuth says; what it
// would store goes into a unit of work, so that one request is one transaction.
import { AsyncLocalStorage } from "node:async_hooks";
import inject from "light-my-request";
import { Provider } from "oidc-provider";
import type { Clock } from "../../kernel/clock.ts";
import { Fault } from "../../kernel/fault.ts";
import { equalSecrets, sha256 } from "../../kernel/hash.ts";
import { apiScope } from "../access-token.ts";
import type { AccessTokenVerifier } from "../access-token.ts";
import type { SigningKeys } from "../signing-keys.ts";
import { actingAs } from "./accounts.ts";
import type { Accounts } from "./accounts.ts";
import type {
  AuthorizationServer,
  OAuthAnswer,
  OAuthCircumstances,
  OAuthRequest,
  Preview,
  Verdict,
} from "./authorization-server.ts";
import type { Clients } from "./clients.ts";
import { oauthFault } from "./errors.ts";
import { adapterFor } from "./oidc-provider-adapter.ts";
import { configurationOf, describeClient, interactionPath, oauthPaths } from "./oidc-provider-configuration.ts";
import { openFamily, recognise, registerPasswordGrant } from "./oidc-provider-password.ts";
import {
  answerOf,
  bodyOf,
  denial,
  cookieOf,
  issuedOf,
  refusalIn,
  refusalOf,
  requested,
  startOf,
} from "./oidc-provider-reply.ts";
import type { Call, Reply } from "./oidc-provider-reply.ts";
import { completedForm, completedQuery, isStructured } from "./request-defaults.ts";
import { introspect, revokeStructured } from "./structured-tokens.ts";
import type { TokenStore } from "./token-store.ts";
import { AlreadyConsumed, UnitOfWork } from "./unit-of-work.ts";

/** What the server is made of. */
export interface OidcProviderParts {
  readonly clock: Clock;
  readonly store: TokenStore;
  readonly clients: Clients;
  readonly accounts: Accounts;
  readonly keys: SigningKeys;
  readonly verifier: AccessTokenVerifier;
  /** Our own URL as the world sees it, an origin without a path. */
  readonly issuer: () => string;
  readonly passwordGrant: boolean;
}

const endpointPaths = {
  token: oauthPaths.token,
  revoke: oauthPaths.revocation,
  introspect: oauthPaths.introspection,
} as const;

/** Stands in for a token that the library cannot read, so that it authenticates the client and finds nothing. */
const unknownToken = "none";

/** OAuth 2 by oidc-provider. */
export class OidcProviderServer implements AuthorizationServer {
  readonly #parts: OidcProviderParts;
  readonly #units = new AsyncLocalStorage<UnitOfWork>();
  #current: { readonly generation: string; readonly provider: Provider } | undefined;

  constructor(parts: OidcProviderParts) {
    this.#parts = parts;
  }

  async handle(request: OAuthRequest, circumstances: OAuthCircumstances): Promise<OAuthAnswer> {
    const { endpoint, authorization } = request;
    const form = completedForm(request.form, authorization, apiScope);
    const token = endpoint === "token" ? null : form.get("token");
    const structured = isStructured(token) && form.getAll("token").length === 1 ? token : undefined;
    if (structured !== undefined) form.set("token", unknownToken);
    const path = endpointPaths[endpoint];
    return this.#unit(circumstances, async (provider, unit) => {
      const call: Call = { method: "POST", path, form, ...(authorization === undefined ? {} : { authorization }) };
      const reply = await this.#ask(provider, call);
      if (structured === undefined || reply.status !== 200) return reply;
      const id = unit.client ?? "";
      if (endpoint === "revoke") {
        await revokeStructured(this.#parts.verifier, structured, id, unit);
        return reply;
      }
      const asker = await this.#parts.clients.find(id);
      return { ...reply, body: await introspect(this.#parts.verifier, structured, asker) };
    });
  }

  async preview(query: string): Promise<Preview> {
    const params = completedQuery(query, apiScope);
    return this.#units.run(new UnitOfWork(""), async () => {
      const reply = await this.#begin(await this.#provider(), params);
      return this.#previewOf(reply, params);
    });
  }

  async authorize(query: string, verdict: Verdict, circumstances: OAuthCircumstances): Promise<OAuthAnswer> {
    const params = completedQuery(query, apiScope);
    return this.#unit(circumstances, async (provider, unit) => {
      const started = await this.#begin(provider, params);
      if (started.location?.startsWith(interactionPath) !== true) return started;
      const uid = started.location.slice(interactionPath.length);
      const interaction = await provider.Interaction.find(uid);
      if (interaction === undefined) throw new Error("the interaction that was just begun is gone");
      if (verdict.approve) {
        const who = await recognise(this.#parts.accounts, unit, verdict);
        const { clientId, scopes } = requested(params);
        if (await this.#mayAct(clientId, who.id)) {
          const grant = await openFamily(provider, this.#parts.accounts, unit, who, clientId, scopes);
          interaction.result = { login: { accountId: who.id, remember: false }, consent: { grantId: grant.jti } };
        } else
          interaction.result = denial(
            "the account and the application belong to different products or have roles that do not compare",
          );
      } else interaction.result = denial("the request was not approved");
      await interaction.save(interaction.exp - Math.floor(Date.now() / 1000));
      const resumed = { method: "GET", path: `${oauthPaths.authorization}/${uid}`, cookie: cookieOf(started) } as const;
      return this.#ask(provider, resumed);
    });
  }

  async metadata(): Promise<Readonly<Record<string, unknown>>> {
    const call = { method: "GET", path: "/.well-known/oauth-authorization-server" } as const;
    const reply = await this.#units.run(new UnitOfWork(""), async () => this.#ask(await this.#provider(), call));
    return { ...reply.body, response_modes_supported: ["query"], scopes_supported: [apiScope, "openid"] };
  }

  /** Starts an authorization request. The answer to an application comes in the query; the other ways need a script or leak. */
  async #begin(provider: Provider, params: URLSearchParams): Promise<Reply> {
    if ((params.get("response_mode") ?? "query") === "query") return this.#ask(provider, startOf(params));
    return refusalOf(oauthFault("oauth.invalid_request", "only response_mode=query is offered"));
  }

  /** Whether an application may act for an account at all. */
  async #mayAct(clientId: string, account: string): Promise<boolean> {
    const client = await this.#parts.clients.find(clientId);
    const { accounts } = this.#parts;
    const status = await accounts.status(account);
    if (client === undefined || status === undefined) return false;
    return actingAs(account, status, client, accounts.lesserRole) !== undefined;
  }

  /** The library has no words for an account that ends between its password and its token, and calls it a mistake of its own. */
  async #endedMeanwhile({ fault, recognised }: UnitOfWork): Promise<Fault | undefined> {
    if (fault instanceof Fault || recognised === undefined) return undefined;
    const status = await this.#parts.accounts.status(recognised.id);
    if (status?.disabled === false && status.epoch === recognised.epoch) return undefined;
    return oauthFault("oauth.invalid_grant", "the account was disabled or its password changed meanwhile");
  }

  /** Runs one protocol request and makes durable what it changed. */
  async #unit(
    { address, act }: OAuthCircumstances,
    work: (provider: Provider, unit: UnitOfWork) => Promise<Reply>,
  ): Promise<OAuthAnswer> {
    const unit = new UnitOfWork(address);
    const { store } = this.#parts;
    const asked = this.#units.run(unit, async () => work(await this.#provider(), unit));
    const reply = await asked.catch((error: unknown) => refusalOf(unit.fault ?? error));
    if (unit.fault !== undefined) throw (await this.#endedMeanwhile(unit)) ?? unit.fault;
    if (refusalIn(reply) !== undefined) {
      // Of a refusal nothing is kept but the end of families, and that a client's assertion was used.
      const ending = new UnitOfWork(address);
      for (const assertion of unit.of("ReplayDetection")) ending.store(assertion);
      for (const id of unit.revokedGrants) ending.revokedGrants.add(id);
      await store.commitRefusal(ending, act);
      return answerOf(reply, unit, unit.revokedGrants.size > 0);
    }
    try {
      await store.commit(unit, act);
    } catch (error) {
      if (!(error instanceof AlreadyConsumed)) return answerOf(refusalOf(error), unit, false);
      const ending = new UnitOfWork(address);
      ending.revokedGrants.add(error.reuse.grantId);
      await store.commitRefusal(ending, act);
      const body = { error: "invalid_grant", error_description: "the token was used meanwhile" };
      unit.reuse = error.reuse;
      return answerOf({ status: 400, cookies: [], body }, unit, true);
    }
    return { ...answerOf(reply, unit, false), ...issuedOf(unit) };
  }

  /** The library, set up for the key that signs now; a rotation makes another instance. */
  async #provider(): Promise<Provider> {
    const { keys, passwordGrant, accounts } = this.#parts;
    const issuer = this.#parts.issuer();
    const signing = await keys.current();
    const generation = `${issuer} ${signing.kid}`;
    if (this.#current?.generation === generation) return this.#current.provider;
    const units = this.#units;
    const adapter = (model: string) => adapterFor(model, { ...this.#parts, units, describe: describeClient });
    const provider = new Provider(issuer, configurationOf({ ...this.#parts, adapter, signing }));
    // The URL that the library sees comes from us alone, see #ask.
    provider.proxy = true;
    provider.Client.prototype.compareClientSecret = function compare(shown: string): boolean {
      return equalSecrets(sha256(shown), Buffer.from(String(this.clientSecret), "hex"));
    };
    provider.use(async (ctx, next) => {
      await next();
      const unit = units.getStore();
      if (unit === undefined) return;
      unit.client = ctx.oidc?.entities.Client?.clientId;
      unit.account = ctx.oidc?.entities.Account?.accountId;
    });
    provider.on("server_error", (_ctx, error) => {
      const unit = units.getStore();
      if (unit !== undefined) unit.fault ??= error;
    });
    if (passwordGrant) registerPasswordGrant(provider, { units, accounts, signing });
    this.#current = { generation, provider };
    return provider;
  }

  async #ask(provider: Provider, { method, path, form, authorization, cookie }: Call): Promise<Reply> {
    const { protocol, host } = new URL(this.#parts.issuer());
    const response = await inject(provider.callback(), {
      method,
      url: path,
      headers: {
        host,
        "x-forwarded-proto": protocol.slice(0, -1),
        accept: "application/json",
        ...(authorization === undefined ? {} : { authorization }),
        ...(cookie === undefined ? {} : { cookie }),
        ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
      },
      ...(form === undefined ? {} : { payload: form.toString() }),
    });
    const { location } = response.headers;
    return {
      status: response.statusCode,
      ...(location === undefined ? {} : { location }),
      cookies: [response.headers["set-cookie"] ?? []].flat(),
      body: bodyOf(response.payload),
    };
  }

  async #previewOf(reply: Reply, params: URLSearchParams): Promise<Preview> {
    const { location, status } = reply;
    if (location?.startsWith(interactionPath) === true) {
      const { clientId, scopes } = requested(params);
      const client = await this.#parts.clients.find(clientId);
      if (client === undefined) throw oauthFault("oauth.invalid_client", "the client has been revoked");
      return {
        kind: "page",
        client: client.id,
        clientName: client.name,
        role: client.role,
        product: client.product,
        redirectUri: params.get("redirect_uri") ?? "",
        scopes,
      };
    }
    const { error, description } = refusalIn(reply) ?? {
      error: "invalid_request",
      description: "the request is invalid",
    };
    return { kind: "refusal", status, ...(location === undefined ? {} : { location }), error, description };
  }
}
