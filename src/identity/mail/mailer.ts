// The port through which mail leaves. Promises of every driver:
//
// 1. `send` resolves when the mail has been handed over: written, printed, or accepted by the SMTP server.
// 2. It rejects when it was not, within a bounded time; the caller decides whether to try again.
// 3. No field can add a header, a recipient or another mail: line ends and control characters are refused.
import { userFault } from "../users/errors.ts";

/** One mail of plain text. */
export interface Mail {
  /** One address. */
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** Sends mail. */
export interface Mailer extends AsyncDisposable {
  send(mail: Mail): Promise<void>;
}

/** Anything that ends a line or is invisible; none of it belongs into a header. */
// oxlint-disable-next-line no-control-regex -- control characters are exactly what is looked for
const unfitForHeader = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** Refuses a mail whose header lines could be read as something else. */
export function checkMail({ to, subject }: Mail): void {
  if (unfitForHeader.test(subject) || unfitForHeader.test(to) || /[\s<>,;:"()[\]\\]/.test(to)) {
    throw userFault("user.invalid", "a header of a mail holds a character that does not belong there", { at: "email" });
  }
}
