// Mail through an SMTP server, by nodemailer. Every step has a time limit, and mail leaves this machine encrypted or not at
// all, unless the server is on this machine itself.
import { createTransport } from "nodemailer";
import ipaddr from "ipaddr.js";
import type { Mailer } from "./mailer.ts";
import { checkMail } from "./mailer.ts";

/** Where and how mail is handed over. */
export interface SmtpOptions {
  /** `smtp://user:password@host:587`, or `smtps://` for TLS from the first byte. */
  readonly url: string;
  /** `Name <address>` or an address. */
  readonly from: string;
  /** Certificate of the authority that signed the server's; the system's authorities when absent. */
  readonly ca?: string;
  /** Whether mail may leave only over TLS with a certificate that can be checked; true when absent, unless the server is on this machine. */
  readonly requireTls?: boolean;
  /**
   * Longest time for connecting, for the greeting, and of silence, milliseconds; ten seconds each when absent. The whole
   * conversation may take six times as long.
   */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 10_000;

/** A conversation has about eight answers, none of which should take a whole time limit. */
const timeoutsInAll = 6;

/** Sends mail to an SMTP server; throws when the URL cannot be used. */
export function smtpMailer({ url, from, ca, requireTls, timeoutMs = defaultTimeoutMs }: SmtpOptions): Mailer {
  const server = URL.parse(url);
  if (server === null || !/^smtps?:$/.test(server.protocol) || server.hostname === "") {
    throw new Error("mail.smtpUrl must be smtp://user:password@host:port or smtps://");
  }
  const implicitTls = server.protocol === "smtps:";
  const host = server.hostname.replace(/^\[|\]$/g, "");
  const protectedOnly = requireTls ?? !isLoopback(host);
  const transport = createTransport({
    host,
    port: server.port === "" ? (implicitTls ? 465 : 587) : Number(server.port),
    secure: implicitTls,
    requireTLS: !implicitTls && protectedOnly,
    ...(server.username === ""
      ? {}
      : { auth: { user: decodeURIComponent(server.username), pass: decodeURIComponent(server.password) } }),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
    // A mail server of this machine signs its own certificate, and no one stands between.
    tls: { minVersion: "TLSv1.2", rejectUnauthorized: protectedOnly, ...(ca === undefined ? {} : { ca }) },
  });
  return {
    async send(mail) {
      checkMail(mail);
      await transport.sendMail({
        from,
        // Given as an object, an address is never parsed as a list of them.
        to: { name: "", address: mail.to },
        subject: mail.subject,
        text: mail.text,
        headers: { "Auto-Submitted": "auto-generated" },
        // A server that says a little now and then is never silent and never done.
        signal: AbortSignal.timeout(timeoutsInAll * timeoutMs),
      });
    },
    [Symbol.asyncDispose]: async () => transport.close(),
  };
}

/** Whether a host name means this machine. */
function isLoopback(host: string): boolean {
  return host === "localhost" || (ipaddr.isValid(host) && ipaddr.process(host).range() === "loopback");
}
