// What the protocol calls a refusal, as a fault.
import { oauthFault } from "./errors.ts";

/** A refusal by its RFC name, as a fault; a name that is not in the table is an invalid request. */
export function oauthRefusal(error: string, description: string): ReturnType<typeof oauthFault> {
  switch (error) {
    case "invalid_client":
      return oauthFault("oauth.invalid_client", description);
    case "invalid_grant":
      return oauthFault("oauth.invalid_grant", description);
    case "unauthorized_client":
      return oauthFault("oauth.unauthorized_client", description);
    case "unsupported_grant_type":
      return oauthFault("oauth.unsupported_grant_type", description);
    case "invalid_scope":
      return oauthFault("oauth.invalid_scope", description);
    case "invalid_target":
      return oauthFault("oauth.invalid_target", description);
    case "access_denied":
      return oauthFault("oauth.access_denied", description);
    default:
      return oauthFault("oauth.invalid_request", description);
  }
}
