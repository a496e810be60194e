// Mail on a stream, for developers who watch the terminal. It is the mail that is printed, token and all; logs never see it.
import type { Clock } from "../../kernel/clock.ts";
import { newId } from "../../kernel/ids.ts";
import type { Mailer } from "./mailer.ts";
import { checkMail } from "./mailer.ts";

/** Prints every mail. */
export function consoleMailer(parts: { out: NodeJS.WritableStream; from: string; clock: Clock }): Mailer {
  const { out, from, clock } = parts;
  return {
    send: async (mail) => {
      checkMail(mail);
      const head = [`From: ${from}`, `To: ${mail.to}`, `Subject: ${mail.subject}`, `Id: ${newId<"mail">(clock)}`];
      out.write(`--- mail\n${head.join("\n")}\n\n${mail.text}\n---\n`);
    },
    [Symbol.asyncDispose]: async () => {},
  };
}
