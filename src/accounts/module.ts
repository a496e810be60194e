// Accounts as a domain: keys, users, clients and sessions through the gate.
import type { Budgets } from "../budgets/index.ts";
import type { Config } from "../config/index.ts";
import type { Constitution } from "../constitution/index.ts";
import type { Database } from "../db/index.ts";
import type { Gate } from "../governance/index.ts";
import type {
  AuthorizationServer,
  Counter,
  Identity,
  OAuth,
  Outbox,
  SigningKeys,
  UserDirectory,
} from "../identity/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Module } from "../kernel/module.ts";
import type { OwnUrl } from "../kernel/own-url.ts";
import type { Secrets } from "../secrets/index.ts";
import { openAccounts } from "./accounts.ts";
import type { Accounts } from "./accounts.ts";
import { openClientRegistry } from "./clients.ts";
import type { ClientRegistry } from "./clients.ts";
import { openKeyAdministration } from "./key-administration.ts";
import type { KeyAdministration } from "./key-administration.ts";
import { accountsOperations } from "./operations.ts";
import { openSessions } from "./sessions.ts";
import type { Sessions } from "./sessions.ts";

interface Needs {
  readonly config: Config;
  readonly constitution: Constitution;
  readonly database: Database;
  readonly gate: Gate;
  readonly identity: Identity;
  readonly room: Budgets;
  readonly directory: UserDirectory;
  readonly oauth: OAuth;
  readonly outbox: Outbox;
  readonly counter: Counter;
  readonly secrets: Secrets;
  readonly ownUrl: OwnUrl;
  readonly clock: Clock;
  /** Makes the authorization server over what OAuth keeps. */
  readonly authorizationServer: (oauth: OAuth) => AuthorizationServer;
}

interface Gives {
  readonly keys: KeyAdministration;
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly clients: ClientRegistry;
  readonly signingKeys: Pick<SigningKeys, "jwks">;
}

/** Who may come in. */
export const accountsModule = {
  name: "accounts",
  operations: accountsOperations,
  nouns: {
    key: "API keys.",
    auth: "The caller itself.",
    user: "People with a password.",
    password: "Changing and resetting passwords.",
    token: "OAuth 2 tokens.",
    session: "Signing in and out with a password.",
    authorize: "Letting an application act for a person.",
    oauth: "What OAuth clients read about this server.",
    client: "OAuth clients.",
    signing_key: "Keys that sign tokens.",
  },
  async open(house: Needs): Promise<Gives> {
    const { config, gate, constitution, directory, oauth, secrets, ownUrl, authorizationServer } = house;
    return {
      keys: openKeyAdministration(house),
      accounts: openAccounts({
        ...house,
        salt: await secrets.bytes("identity.salt"),
        serverUrl: ownUrl.asPublished,
        registrationOpen: config.identity.registration === "open",
      }),
      sessions: openSessions({
        gate,
        ...oauth,
        server: authorizationServer(oauth),
        accountOf: async (username) => (await directory.users.byUsername(username))?.id,
      }),
      clients: openClientRegistry({ gate, constitution, clients: oauth.clients, signingKeys: oauth.keys }),
      signingKeys: oauth.keys,
    };
  },
} as const satisfies Module<Needs, Gives>;
