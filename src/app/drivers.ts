// Which drivers stand behind the ports of the application, by the configuration.
import { join } from "node:path";
import type { Config } from "../config/index.ts";
import { openVitals } from "../deliberation/disk-vitals.ts";
import type { Sensors } from "../deliberation/index.ts";
import { openDiskBlobs } from "../depository/blobs/disk.ts";
import type { Blobs } from "../depository/index.ts";
import type { AuthorizationServer, Counter, Mailer, OAuth } from "../identity/index.ts";
import { consoleMailer } from "../identity/mail/console-mail.ts";
import { diskMailer } from "../identity/mail/disk-mail.ts";
import { smtpMailer } from "../identity/mail/smtp-mail.ts";
import { OidcProviderServer } from "../identity/oauth/oidc-provider.ts";
import { MemoryCounter } from "../identity/rates/memory-counter.ts";
import { openRedisCounter } from "../identity/rates/redis-counter.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import type { Keep, Module } from "../kernel/module.ts";
import { OwnUrl } from "../kernel/own-url.ts";
import { diskSecrets } from "../secrets/disk-secrets.ts";
import type { Secrets } from "../secrets/index.ts";

interface Needs {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
}

interface Gives {
  readonly secrets: Secrets;
  readonly ownUrl: OwnUrl;
  readonly counter: Counter;
  readonly mailer: Mailer;
  readonly blobs: Blobs;
  readonly vitals: Sensors;
  readonly authorizationServer: (oauth: OAuth) => AuthorizationServer;
}

/** The drivers. */
export const drivers = {
  name: "drivers",
  async open({ config, clock, log }: Needs, keep: Keep): Promise<Gives> {
    const { data, redis, identity } = config;
    return {
      secrets: diskSecrets(data.dir),
      ownUrl: new OwnUrl(identity),
      // In the Redis that is configured, or in this process.
      counter: keep(redis.url === "" ? new MemoryCounter(clock) : await openRedisCounter({ ...redis, clock, log })),
      mailer: mailerOf(config, clock, log),
      blobs: keep(await openDiskBlobs({ dir: join(data.dir, "blobs"), log })),
      vitals: keep(openVitals()),
      authorizationServer: (oauth) => new OidcProviderServer(oauth),
    };
  },
} as const satisfies Module<Needs, Gives>;

function mailerOf({ mail, data }: Config, clock: Clock, log: Log): Mailer {
  const { transport, from, smtpUrl } = mail;
  if (transport === "smtp") return smtpMailer({ url: smtpUrl, from });
  if (transport === "console") return consoleMailer({ out: process.stderr, from, clock });
  return diskMailer({ dir: join(data.dir, "mail"), from, clock, log });
}
