import { describe, expect, it } from "vitest";
import { mailUser, startMailServer } from "../../../test/support/identity/mail-server.ts";
import { silentLog } from "../../kernel/ctx.ts";
import type { Mail, Mailer } from "./mailer.ts";
import { Outbox } from "./outbox.ts";
import { smtpMailer } from "./smtp-mail.ts";

const mail = (subject: string): Mail => ({ to: "ada@example.org", subject, text: "text" });

/** A mailer that does as it is told. */
function mailerOf(send: (mail: Mail) => Promise<void>): Mailer {
  return { send, [Symbol.asyncDispose]: async () => {} };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("an outbox", () => {
  it("returns at once and sends later, every mail once", async () => {
    const sent: string[] = [];
    const outbox = new Outbox(
      mailerOf(async ({ subject }) => void sent.push(subject)),
      silentLog,
    );
    for (let i = 0; i < 20; i++) outbox.post(mail(`${i}`));
    expect(sent).toEqual([]);
    await outbox[Symbol.asyncDispose]();
    expect(sent).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`));
  });

  it("tries again at a server that refuses for a while", async () => {
    await using server = await startMailServer();
    server.refuse(2);
    const url = `smtp://${mailUser.name}:${encodeURIComponent(mailUser.password)}@127.0.0.1:${server.port}`;
    const mailer = smtpMailer({ url, from: "charter@example.org" });
    await using outbox = new Outbox(mailer, silentLog, { startAfterMs: [0, 0], retryAfterMs: [1, 1, 1] });
    outbox.post(mail("at last"));
    await until(() => server.received.length > 0);
    expect(server.received).toHaveLength(1);
  });

  it("gives a mail up after so many tries and says so, without address or text", async () => {
    let tries = 0;
    const lines: string[] = [];
    const write = (fields: object, message: string) => void lines.push(JSON.stringify(fields) + message);
    const log = { debug: write, info: write, warn: write, error: write };
    const failing = mailerOf(() => {
      tries++;
      return Promise.reject(Object.assign(new Error("no ada@example.org here"), { code: "EENVELOPE" }));
    });
    await using outbox = new Outbox(failing, log, { startAfterMs: [0, 0], retryAfterMs: [1, 1] });
    outbox.post(mail("never"));
    await until(() => lines.length === 3);
    expect(tries).toBe(3);
    expect(lines[2]).toContain("given up");
    expect(lines.join()).not.toMatch(/ada@|never/);
  });

  it("tries what waits once more when it closes, and takes nothing afterwards", async () => {
    const sent: string[] = [];
    let [tries, working] = [0, false];
    const mailer = mailerOf(async ({ subject }) => {
      tries++;
      if (!working) throw new Error("not yet");
      sent.push(subject);
    });
    const outbox = new Outbox(mailer, silentLog, { startAfterMs: [0, 0], retryAfterMs: [3_600_000] });
    outbox.post(mail("waiting"));
    await until(() => tries === 1);
    working = true;
    outbox.post(mail("new"));
    await outbox[Symbol.asyncDispose]();
    outbox.post(mail("late"));
    expect(sent.toSorted()).toEqual(["new", "waiting"]);
  });

  it("does not wait for ever for a mailer that hangs", async () => {
    let tries = 0;
    const hanging = mailerOf(() => new Promise(() => void tries++));
    const outbox = new Outbox(hanging, silentLog, { startAfterMs: [0, 0], drainMs: 20 });
    outbox.post(mail("hangs"));
    await until(() => tries === 1);
    await outbox[Symbol.asyncDispose]();
  });

  it("drops what is beyond its limit", async () => {
    const sent: string[] = [];
    const outbox = new Outbox(
      mailerOf(async ({ subject }) => void sent.push(subject)),
      silentLog,
      { mostWaiting: 2 },
    );
    for (const subject of ["one", "two", "three"]) outbox.post(mail(subject));
    await outbox[Symbol.asyncDispose]();
    expect(sent).toEqual(["one", "two"]);
  });
});
