// Identity as a domain: who calls, with which credential, and how often.
import type { Config } from "../config/index.ts";
import type { Constitution } from "../constitution/index.ts";
import type { Database } from "../db/index.ts";
import { readIfThere } from "../durable-files/index.ts";
import { ChangeFeed } from "../kernel/change-feed.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import type { Meter } from "../kernel/meter.ts";
import type { Keep, Module } from "../kernel/module.ts";
import type { OwnUrl } from "../kernel/own-url.ts";
import { lesserRole } from "../kernel/roles.ts";
import type { Role } from "../kernel/ctx.ts";
import type { Secrets } from "../secrets/index.ts";
import type { Authenticator } from "./authenticator.ts";
import { eitherCredential } from "./credentials.ts";
import { identityCodes } from "./errors.ts";
import { openIdentity } from "./identity.ts";
import type { Identity } from "./identity.ts";
import { ExternalIssuers, readIssuers } from "./issuers/index.ts";
import { Outbox } from "./mail/index.ts";
import type { Mailer } from "./mail/index.ts";
import { oauthCodes, openOAuth } from "./oauth/index.ts";
import type { OAuth } from "./oauth/index.ts";
import { Rates } from "./rates/index.ts";
import type { Counter } from "./rates/index.ts";
import { identityMigrations } from "./schema.ts";
import { CredentialLookup } from "./credential-lookup.ts";
import { openUserDirectory, userCodes } from "./users/index.ts";
import type { UserDirectory } from "./users/index.ts";
import { credentialMetrics, keyCacheMetrics, rateMetrics, signInMetrics } from "./metrics.ts";

interface Needs {
  readonly config: Config;
  readonly constitution: Constitution;
  readonly database: Database;
  readonly secrets: Secrets;
  readonly counter: Counter;
  readonly mailer: Mailer;
  readonly ownUrl: OwnUrl;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
}

/** What is open of identity. */
interface Gives {
  /** Tells the id of every credential whose status has changed. */
  readonly changes: ChangeFeed;
  readonly identity: Identity;
  readonly directory: UserDirectory;
  readonly oauth: OAuth;
  readonly outbox: Outbox;
  readonly credentials: CredentialLookup;
  readonly authenticator: Authenticator;
  readonly rates: Rates;
}

/** Who calls. */
export const identityModule = {
  name: "identity",
  metrics: {
    title: "Identity",
    declare: (meter: Meter) => {
      credentialMetrics(meter);
      keyCacheMetrics(meter);
      signInMetrics(meter);
      rateMetrics(meter);
    },
  },
  codes: { ...identityCodes, ...userCodes, ...oauthCodes },
  migrations: identityMigrations,
  async open(house: Needs, keep: Keep): Promise<Gives> {
    const { config, constitution, database: db, secrets, counter, mailer, ownUrl, clock, log, meter } = house;
    const changes = new ChangeFeed();
    const changed = changes.tell;
    const lesser = (one: Role, other: Role) => lesserRole(one, other, constitution.data.roles);
    const directory = keep(openUserDirectory({ db, clock, counter, changed, meter, ...config.identity }));
    const { users, writer, signIn } = directory;
    const oauth = await openOAuth({
      db,
      clock,
      log,
      accounts: {
        lesserRole: lesser,
        check: (shown) => signIn.check(shown),
        status: (id) => users.status(id),
        recordLogin: (tx, id, login) => writer.recordLogin(tx, id, login),
      },
      secret: await secrets.bytes("signing.secret"),
      refreshGraceSeconds: constitution.data.limits.refreshGraceSeconds,
      changed,
      ...config.identity,
      issuer: ownUrl.asIssuer,
    });
    const identity = keep(
      openIdentity({
        db,
        clock,
        log,
        meter,
        changed,
        lesserRole: lesser,
        // A key that belongs to someone dies with them.
        ownerOf: async (id) => {
          if (!id.startsWith("usr_")) return oauth.clients.active(id);
          const user = await users.status(id);
          return user?.disabled === false ? user : undefined;
        },
      }),
    );
    return {
      changes,
      identity,
      directory,
      oauth,
      outbox: keep(new Outbox(mailer, log)),
      credentials: new CredentialLookup(db, clock, lesser),
      authenticator: eitherCredential(identity.authenticator, oauth.verifier, await openIssuers(house), meter),
      rates: new Rates(counter, constitution.data, config.http.rateFactor, meter),
    };
  },
  sweeps: [({ directory }: Gives) => directory.writer.sweep(), ({ oauth }: Gives) => oauth.store.sweep()],
} as const satisfies Module<Needs, Gives>;

/** The issuers other than this server whose tokens are accepted. */
async function openIssuers({ config, constitution, clock, log }: Needs): Promise<ExternalIssuers> {
  const { issuersFile } = config.identity;
  const issuers = issuersFile === "" ? [] : readIssuers(issuersFile, (await readIfThere(issuersFile))?.toString());
  return new ExternalIssuers({ issuers, products: Object.keys(constitution.data.products), clock, log });
}
