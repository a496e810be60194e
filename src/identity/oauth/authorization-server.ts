// The authorization server's port: OAuth 2 as one request in, one answer out.
//
// 1. All that a request changes is committed in one transaction, with the effect of the intent that announced it, after the
//    answer is known and before it is given. An answer that is a refusal changes nothing, but for families that it ends
//    and assertions that it uses up.
// 2. A refresh token or code that is used twice, concurrently or later, ends the family it belongs to. `reuse` says so.
// 3. No session outlives a request and no cookie is set: who signs in at the browser shows the password for each approval.
// 4. A fault of the password check, or of the database, is thrown as it is; every other refusal is an answer.
import type { Effect } from "../../db/index.ts";
import type { Reuse } from "./unit-of-work.ts";

/** The part of a request that the protocol looks at. */
export interface OAuthRequest {
  readonly endpoint: "token" | "revoke" | "introspect";
  /** The body, `application/x-www-form-urlencoded`. */
  readonly form: string;
  /** The Authorization header, for clients that authenticate with it. */
  readonly authorization?: string;
}

/** Under which circumstances a request is answered. */
export interface OAuthCircumstances {
  /** Network address of the caller, for counting failed sign-ins. */
  readonly address: string;
  /** The act that the request is; left out for one that changes nothing. */
  readonly act?: Effect;
}

/** An answer of the protocol. */
export interface OAuthAnswer {
  readonly status: number;
  /** Where to send the browser, on a redirect. */
  readonly location?: string;
  /** The body: JSON as RFC 6749 has it, or nothing. */
  readonly body: Readonly<Record<string, unknown>> | undefined;
  /** Why it is a refusal, if it is one: the RFC's name and a sentence. */
  readonly refusal?: { readonly error: string; readonly description: string };
  /** The client that authenticated. */
  readonly client?: string;
  /** A used token that was shown; its family is ended. */
  readonly reuse?: Reuse;
  /** What was made, for the record: who may act now, through which client, in which family. Holds no secret. */
  readonly issued?: { readonly account: string; readonly client: string; readonly grant: string };
}

/** What an authorization request (RFC 6749 section 4.1.1) comes to before anybody has signed in. */
export type Preview =
  | {
      readonly kind: "page";
      readonly client: string;
      readonly clientName: string;
      /** The role that the application's tokens have at most, and the product they are held to. */
      readonly role: string;
      readonly product: string | null;
      readonly redirectUri: string;
      readonly scopes: readonly string[];
    }
  /** The request is refused; with a `location` the application is told, without one only the person is. */
  | {
      readonly kind: "refusal";
      readonly status: number;
      readonly location?: string;
      readonly error: string;
      readonly description: string;
    };

/** What the person decided. */
export type Verdict =
  | { readonly approve: true; readonly username: string; readonly password: string }
  | { readonly approve: false };

/** An OAuth 2 authorization server. */
export interface AuthorizationServer {
  /** Answers a token, revocation or introspection request. */
  handle(request: OAuthRequest, circumstances: OAuthCircumstances): Promise<OAuthAnswer>;
  /** Looks at an authorization request without changing anything. `query` is its query string. */
  preview(query: string): Promise<Preview>;
  /** Answers an authorization request with a code or with the person's refusal; a redirect, if all is well. */
  authorize(query: string, verdict: Verdict, circumstances: OAuthCircumstances): Promise<OAuthAnswer>;
  /** The server's metadata (RFC 8414). */
  metadata(): Promise<Readonly<Record<string, unknown>>>;
}
