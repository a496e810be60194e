// The operations of accounts.
import { change, open, read, self } from "../kernel/operation.ts";
import type { Operations } from "../kernel/operation.ts";

const newcomers = "a new user has no account yet";
const mailed = "the token in the body, which was mailed, proves whose account it is";
const proven = "the old password in the body proves whose account it is";
const forgetful = "a user who has forgotten the password has no credential; the answer tells nothing";
const ownProof = "the request carries its own proof: a client's, a password or a refresh token";
const browsers = "a person comes here from an application and has no credential yet; a password is asked for";
const published = "clients and resource servers must find the endpoints and verify tokens; nothing here is secret";

/** What can be asked of accounts. */
export const accountsOperations = {
  "key.create": change("system.admin"),
  "key.list": read("agent.view"),
  "key.read": read("agent.view"),
  "key.revoke": change("system.admin"),
  "auth.me": self("every caller may know who it is"),
  "user.register": open(newcomers, "register", "mutation"),
  "user.verify": open(mailed, "auth", "mutation"),
  "password.change": open(proven, "auth", "mutation"),
  "password.reset_request": open(forgetful, "reset", "mutation"),
  "password.reset_confirm": open(mailed, "auth", "mutation"),
  "user.create": change("system.admin"),
  "user.import": change("system.admin"),
  "user.list": read("system.admin"),
  "user.read": read("system.admin"),
  "user.update": change("system.admin"),
  "user.disable": change("system.admin"),
  "user.enable": change("system.admin"),
  "user.reset_password": change("system.admin"),
  "token.issue": open(ownProof, "token", "mutation"),
  "token.revoke": open(ownProof, "control", "mutation"),
  "token.introspect": open(ownProof, "public"),
  "session.login": open("the password in the body is the credential", "auth", "mutation"),
  "session.logout": self("everybody may end the session they came with", "mutation"),
  "authorize.show": open(browsers, "public"),
  "authorize.approve": open(browsers, "auth", "mutation"),
  "oauth.metadata": open(published, "public"),
  "oauth.openid_metadata": open(published, "public"),
  "oauth.jwks": open(published, "public"),
  "client.create": change("system.admin"),
  "client.list": read("system.admin"),
  "client.revoke": change("system.admin"),
  "signing_key.list": read("system.admin"),
  "signing_key.rotate": change("system.admin"),
} as const satisfies Operations;

type Names = Readonly<Record<keyof typeof accountsOperations, true>>;
declare module "../kernel/operation.ts" {
  interface OperationTable extends Names {}
}
