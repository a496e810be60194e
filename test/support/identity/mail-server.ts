// A real SMTP server on loopback, with STARTTLS and authentication as public ones have them.
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { SMTPServer } from "smtp-server";
import type { SMTPServerOptions } from "smtp-server";
import { certificatesAt } from "../http/certificates.ts";

/** One mail that the server accepted. */
export interface Received {
  readonly from: string;
  readonly to: readonly string[];
  readonly user: string | undefined;
  readonly encrypted: boolean;
  readonly raw: string;
}

/** A running server. */
export interface MailServer extends AsyncDisposable {
  readonly port: number;
  readonly received: readonly Received[];
  /** The certificate of the authority that signed its own, which no client knows by itself. */
  readonly ca: string;
  /** How many of the next mails are refused for a while (451). */
  refuse(count: number): void;
}

/** The only user of the server; the password needs escaping in a URL. */
export const mailUser = { name: "charter", password: "p@ss/w:rd" };

/** Starts a server for 127.0.0.1. */
export async function startMailServer(options: SMTPServerOptions = {}): Promise<MailServer> {
  const { serverKey, serverCert, authorityCert } = await certificatesAt();
  const received: Received[] = [];
  let refusals = 0;
  const server = new SMTPServer({
    key: serverKey,
    cert: serverCert,
    onAuth({ username, password }, _session, done) {
      const right = username === mailUser.name && password === mailUser.password;
      done(right ? null : new Error("wrong password"), { user: username ?? "" });
    },
    onData(stream, session, done) {
      void (async () => {
        const raw = (await buffer(stream)).toString();
        if (refusals-- > 0) return done(Object.assign(new Error("try again later"), { responseCode: 451 }));
        const { mailFrom, rcptTo } = session.envelope;
        received.push({
          from: mailFrom === false ? "" : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          user: session.user,
          encrypted: session.secure,
          raw,
        });
        done();
      })();
    },
    ...options,
  });
  // A client that gives up in the middle of a handshake is what some tests are about.
  server.on("error", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.server.address() as AddressInfo).port,
    received,
    ca: authorityCert,
    refuse: (count) => void (refusals = count),
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
