// Mail as files in a folder: the embedded default, for one person on one machine. Each mail is an .eml file that only the
// server's own user may read, since it holds a token.
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../kernel/clock.ts";
import type { Log } from "../../kernel/ctx.ts";
import { privateFileMode, privateFolderMode } from "../../kernel/file-modes.ts";
import { newId } from "../../kernel/ids.ts";
import type { Mailer } from "./mailer.ts";
import { messageText } from "./message.ts";

/** Writes every mail into a folder, which is made when first needed. */
export function diskMailer(parts: { dir: string; from: string; clock: Clock; log: Log }): Mailer {
  const { dir, from, clock, log } = parts;
  return {
    async send(mail) {
      const id = newId<"mail">(clock);
      const text = messageText(mail, { from, id, sentMs: clock.nowMs() });
      await mkdir(dir, { recursive: true, mode: privateFolderMode });
      // Whole or not there: a reader never sees half a mail.
      await writeFile(join(dir, `${id}.part`), text, { mode: privateFileMode, flag: "wx" });
      await rename(join(dir, `${id}.part`), join(dir, `${id}.eml`));
      log.info({ file: `${id}.eml` }, "a mail was written to the mail folder");
    },
    [Symbol.asyncDispose]: async () => {},
  };
}
