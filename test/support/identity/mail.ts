// Mail as a test reads it: the files that the embedded driver writes below the data folder.
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { patienceMs } from "../wait.ts";

/** One mail that was written. */
export interface ReadMail {
  readonly file: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  /** The token in its text; empty when there is none. */
  readonly token: string;
  readonly mode: number;
}

/** Every mail below a data folder, oldest first. */
export async function mailsIn(dataDir: string): Promise<readonly ReadMail[]> {
  const dir = join(dataDir, "mail");
  const files = await readdir(dir).catch(() => [] as string[]);
  const mails = await Promise.all(
    files
      .filter((file) => file.endsWith(".eml"))
      .map(async (file) => {
        const raw = await readFile(join(dir, file), "latin1");
        const { mode, mtimeNs } = await stat(join(dir, file), { bigint: true });
        return { file, ...parsedMail(raw), mode: Number(mode) & 0o777, mtimeNs };
      }),
  );
  // Not by name, which holds the time of a clock that a test may have stopped.
  return mails.toSorted((left, right) => Number(left.mtimeNs - right.mtimeNs));
}

/** The parts of an RFC 5322 text, its body decoded. */
export function parsedMail(raw: string): Pick<ReadMail, "to" | "subject" | "text" | "token"> {
  const blank = raw.indexOf("\r\n\r\n");
  const [head, body] = [raw.slice(0, blank), raw.slice(blank + 4)];
  const header = (name: string): string =>
    new RegExp(`^${name}: (.*)$`, "m").exec(head.replaceAll("\r", ""))?.[1] ?? "";
  const text = header("Content-Transfer-Encoding") === "base64" ? Buffer.from(body, "base64").toString() : body;
  return { to: header("To"), subject: header("Subject"), text, token: tokenIn(text) };
}

/** The token that a mail's text holds. */
export function tokenIn(text: string): string {
  return /"token":"([A-Za-z0-9_-]{43})"/.exec(text)?.[1] ?? "";
}

/** Waits until so many mails to an address are there, and gives them all. */
export async function mailsTo(dataDir: string, to: string, count: number): Promise<readonly ReadMail[]> {
  for (const endMs = performance.now() + patienceMs; ; await sleep(25)) {
    const found = (await mailsIn(dataDir)).filter((mail) => mail.to === to);
    if (found.length >= count) return found;
    if (performance.now() > endMs) throw new Error(`there are ${found.length} mails to ${to}, and not ${count}`);
  }
}

/** The newest mail to an address, of those that hold a token, when so many mails are there. */
export async function tokenFor(dataDir: string, to: string, count = 1): Promise<string> {
  const token = (await mailsTo(dataDir, to, count)).findLast((mail) => mail.token !== "")?.token;
  if (token === undefined) throw new Error(`no mail to ${to} holds a token`);
  return token;
}
