// What an authorization server refuses. The first table's codes are those of RFC 6749 section 5.2, RFC 7009 and RFC 8707
// under our prefix; the OAuth endpoints answer them in the form of RFC 6749 and everything else as problem details.
import { faultsOf } from "../../kernel/fault.ts";

/** The codes of this part of identity, each with its HTTP status and its public meaning. */
export const oauthCodes = {
  "oauth.invalid_request": [400, "The OAuth request lacks a parameter, repeats one, or is malformed."],
  "oauth.invalid_client": [401, "The client is unknown, or did not authenticate as it is registered to."],
  "oauth.invalid_grant": [400, "The code, refresh token or password is wrong, expired, used or revoked."],
  "oauth.unauthorized_client": [400, "The client is not registered for this."],
  "oauth.unsupported_grant_type": [400, "This server does not know that grant type, or it is switched off."],
  "oauth.invalid_scope": [400, "The scope is unknown or not granted."],
  "oauth.invalid_target": [400, "There is no such resource to get a token for."],
  "oauth.access_denied": [403, "The person at the browser said no."],
  "client.not_found": [404, "There is no such client."],
  "client.invalid": [400, "The client cannot be registered like this."],
  "client.product_required": [400, "A client of this kind belongs to one product, which must be named."],
  "signing_key.too_many": [
    429,
    "So many keys are published already that another one has to wait until the oldest has expired.",
  ],
  "session.none": [409, "The credential belongs to no session that could be ended."],
} as const;

/** Makes a fault of this part. */
export const oauthFault = faultsOf(oauthCodes);
