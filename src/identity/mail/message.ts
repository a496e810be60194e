// A mail as RFC 5322 text, for the drivers that write it down themselves. A body of plain ASCII stays as people can read it;
// any other is base64.
import type { Mail } from "./mailer.ts";
import { checkMail } from "./mailer.ts";

/** Headers of a mail other than its own fields. */
export interface Envelope {
  /** `Name <address>` or an address. */
  readonly from: string;
  /** Unique; becomes the Message-ID. */
  readonly id: string;
  readonly sentMs: number;
}

/** Longest line of base64 (RFC 2045 section 6.8). */
const lineLength = 76;

/** Longest line of any mail, without its end (RFC 5322 section 2.1.1). */
const longestLine = 998;

/** The text of a mail, with CRLF line ends. */
export function messageText(mail: Mail, { from, id, sentMs }: Envelope): string {
  checkMail(mail);
  const domain = /@([A-Za-z0-9.-]+)>?$/.exec(from)?.[1] ?? "localhost";
  const text = mail.text.replaceAll(/\r?\n/g, "\r\n");
  const isPlain = text.split("\r\n").every((line) => line.length <= longestLine && /^[\x20-\x7e]*$/.test(line));
  const encoded = Buffer.from(text)
    .toString("base64")
    .match(new RegExp(`.{1,${lineLength}}`, "g"));
  return [
    `From: ${from}`,
    `To: ${mail.to}`,
    `Subject: ${headerText(mail.subject)}`,
    // RFC 5322 section 3.3; the zone is an offset there, and JavaScript writes the obsolete GMT.
    `Date: ${new Date(sentMs).toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <${id}@${domain}>`,
    "Auto-Submitted: auto-generated",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    `Content-Transfer-Encoding: ${isPlain ? "7bit" : "base64"}`,
    "",
    ...(isPlain ? [text] : [...(encoded ?? []), ""]),
  ].join("\r\n");
}

/** Text for a header: as it is when ASCII, else an encoded word (RFC 2047). */
function headerText(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : `=?utf-8?B?${Buffer.from(text).toString("base64")}?=`;
}
