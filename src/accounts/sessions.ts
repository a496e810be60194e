// Sessions through the gate: getting a token, giving one back or letting an application act in one's name leaves an intent
// and an outcome. The request is judged by the authorization server inside the act, so that what it refuses is on record
// too. Leaves name clients and the family of a token, never a token, a user name or a password.
import { isPasswordLogin, oauthFault, oauthRefusal, UnitOfWork, clientResource } from "../identity/index.ts";
import type {
  AccessTokenVerifier,
  AuthorizationServer,
  OAuthAnswer,
  OAuthRequest,
  Preview,
  TokenStore,
  Verdict,
} from "../identity/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { digestOfJson } from "../kernel/hash.ts";
import type { Digest } from "../kernel/hash.ts";
import { ownIdentity } from "./credential-attempts.ts";
import type { Gate, Attempt, Run, Finding } from "../governance/index.ts";

/** A protocol request without its endpoint. */
export type OAuthForm = Omit<OAuthRequest, "endpoint">;

/** Sessions, governed. */
export interface Sessions {
  /** Answers a token request. Rejects with `oauth.*`, or with what refused the password. */
  token(ctx: Ctx, form: OAuthForm): Promise<OAuthAnswer>;
  /** Tokens for a username and password, for our own pages and command line. */
  login(ctx: Ctx, shown: { readonly username: string; readonly password: string }): Promise<OAuthAnswer>;
  /** Ends a token and its family (RFC 7009). Rejects with `oauth.*`. */
  revoke(ctx: Ctx, form: OAuthForm): Promise<void>;
  /** Ends the family of the token that the caller presented. Rejects with `session.none` for any other credential. */
  logout(ctx: Ctx, credential: string): Promise<void>;
  /** What a token is (RFC 7662); reads only. Rejects with `oauth.*` when the client does not authenticate. */
  introspect(form: OAuthForm, address: string): Promise<OAuthAnswer>;
  /** What an authorization request comes to before anybody signs in; reads only. */
  preview(query: string): Promise<Preview>;
  /** Lets an application act in someone's name, or refuses it; resolves with where to send the browser. */
  decide(ctx: Ctx, query: string, verdict: Verdict): Promise<{ readonly location: string }>;
  /** The server's metadata (RFC 8414). */
  metadata(): Promise<Readonly<Record<string, unknown>>>;
}

/** What sessions are made of. */
export interface SessionsParts {
  readonly gate: Gate;
  readonly server: AuthorizationServer;
  readonly verifier: AccessTokenVerifier;
  readonly store: TokenStore;
  /** The id of the account that a user name belongs to. */
  readonly accountOf: (username: string) => Promise<string | undefined>;
}

/** Sessions behind the gate. */
export function openSessions({ gate, server, verifier, store, accountOf }: SessionsParts): Sessions {
  const attempted = async <T>(
    ctx: Ctx,
    attempt: Pick<Attempt, "operation" | "resource" | "endsOwnSession">,
    run: Run<T>,
  ): Promise<T> => (await gate.act(ctx, { ...attempt, ...ownIdentity }, run)).value;

  /** Whose session is asked for: the account of a user name that is given, otherwise the client. */
  const subjectOf = async (form: OAuthForm): Promise<string> => {
    const params = new URLSearchParams(form.form);
    if (!isPasswordLogin(params)) return clientResource(claimedClient(form));
    return `user/${(await accountOf(params.get("username") ?? "")) ?? "unknown"}`;
  };

  const token = async (ctx: Ctx, form: OAuthForm): Promise<OAuthAnswer> => {
    const resource = await subjectOf(form);
    return attempted(ctx, { operation: ctx.operation, resource }, async (act) => {
      const circumstances = { address: ctx.address, act };
      const answer = await server.handle({ endpoint: "token", ...form }, circumstances);
      return { value: accepted(answer, act.report), ...digestOf(answer) };
    });
  };

  return {
    token,
    login: (ctx, { username, password }) => {
      const form = new URLSearchParams({ grant_type: "password", username, password });
      return token(ctx, { form: form.toString() });
    },
    revoke: (ctx, form) =>
      attempted(
        ctx,
        { operation: ctx.operation, resource: clientResource(claimedClient(form)), endsOwnSession: true },
        async (act) => {
          const circumstances = { address: ctx.address, act };
          const answer = await server.handle({ endpoint: "revoke", ...form }, circumstances);
          accepted(answer, act.report);
          return { value: undefined };
        },
      ),
    logout: (ctx, credential) => {
      const resource = ctx.principal.id.startsWith("usr_")
        ? `user/${ctx.principal.id}`
        : clientResource(ctx.principal.id);
      return attempted(ctx, { operation: ctx.operation, resource, endsOwnSession: true }, async (act) => {
        const claims = await verifier.claimsOf(credential);
        if (claims === undefined) {
          throw oauthFault("session.none", "only a session can be ended, and this credential is none", {
            remedy: "call it with an access token; a key is revoked with DELETE /v1/keys/{id}",
          });
        }
        const ending = new UnitOfWork(ctx.address);
        if (claims.gid === undefined) ending.revokedTokens.set(claims.jti, claims.exp * 1000);
        else ending.revokedGrants.add(claims.gid);
        await store.commit(ending, act);
        return { value: undefined, digest: digestOfJson({ ended: claims.gid ?? claims.jti }) };
      });
    },
    introspect: async (form, address) =>
      accepted(await server.handle({ endpoint: "introspect", ...form }, { address })),
    preview: (query) => server.preview(query),
    decide: (ctx, query, verdict) => {
      const resource = clientResource(new URLSearchParams(query).get("client_id") ?? undefined);
      let refusalUrl: string | undefined;
      const decided = attempted(ctx, { operation: ctx.operation, resource }, async (act) => {
        const answer = await server.authorize(query, verdict, { address: ctx.address, act });
        if (answer.refusal !== undefined) refusalUrl = answer.location;
        const { location } = accepted(answer, act.report);
        if (location === undefined) throw new Error("an approval that leads nowhere");
        return { value: { location }, ...digestOf(answer) };
      });
      return decided.catch((error: unknown) => {
        // The application is told of the refusal, where it may be told; the refusal is on record all the same.
        if (refusalUrl === undefined) throw error;
        return { location: refusalUrl };
      });
    },
    metadata: () => server.metadata(),
  };
}

/** The client that a request says it comes from, before it has shown that it does. */
function claimedClient({ form, authorization }: OAuthForm): string | undefined {
  const params = new URLSearchParams(form);
  const named = params.get("client_id");
  if (named !== null) return named;
  const basic = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(authorization ?? "")?.[1];
  if (basic !== undefined) return Buffer.from(basic, "base64").toString().split(":", 1)[0];
  const [, payload] = (params.get("client_assertion") ?? "").split(".");
  return payload === undefined
    ? undefined
    : /"sub":"([^"]{1,64})"/.exec(Buffer.from(payload, "base64url").toString())?.[1];
}

/** The answer, or the fault that it is. */
function accepted(answer: OAuthAnswer, report?: (finding: Finding) => void): OAuthAnswer {
  if (answer.reuse !== undefined) report?.(reuseFinding(answer.reuse.model));
  if (answer.refusal === undefined) return answer;
  throw oauthRefusal(answer.refusal.error, answer.refusal.description);
}

/** A token was used twice: it was stolen, or its owner lost the answer. */
function reuseFinding(model: "RefreshToken" | "AuthorizationCode"): Finding {
  return {
    threat: model === "RefreshToken" ? "identity.refresh_reuse" : "identity.code_reuse",
    severity: "HIGH",
    pattern: "used_token_shown_again",
    action: "flag",
    blocks: false,
    detail: "A token that had been used was shown again; the session it belongs to has been ended.",
  };
}

function digestOf({ issued }: OAuthAnswer): { readonly digest?: Digest } {
  return issued === undefined ? {} : { digest: digestOfJson(issued) };
}
