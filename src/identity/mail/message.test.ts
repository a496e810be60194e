import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { assert, property, string } from "fast-check";
import { describe, expect, it } from "vitest";
import { parsedMail } from "../../../test/support/identity/mail.ts";
import { systemClock } from "../../kernel/clock.ts";
import { consoleMailer } from "./console-mail.ts";
import { diskMailer } from "./disk-mail.ts";
import { messageText } from "./message.ts";

const envelope = { from: "Charter <charter@example.org>", id: "1", sentMs: Date.UTC(2026, 10, 21, 4, 5, 6) };
const mail = { to: "ada@example.org", subject: "Reset your password", text: "line one\nline two\n" };

describe("a mail as text", () => {
  it("has the headers that RFC 5322 asks for, and lines that end with CRLF", () => {
    const text = messageText(mail, envelope);
    expect(text.split("\r\n").slice(0, 6)).toEqual([
      "From: Charter <charter@example.org>",
      "To: ada@example.org",
      "Subject: Reset your password",
      "Date: Sat, 21 Nov 2026 04:05:06 +0000",
      "Message-ID: <1@example.org>",
      "Auto-Submitted: auto-generated",
    ]);
    expect(text.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
    expect(parsedMail(text).text).toBe("line one\r\nline two\r\n");
  });

  it("keeps any text whole and every line short enough", () => {
    assert(
      property(string({ unit: "grapheme", maxLength: 2000 }), (text) => {
        const written = messageText({ ...mail, text }, envelope);
        expect(parsedMail(written).text).toBe(text.replaceAll(/\r?\n/g, "\r\n"));
        expect(Math.max(...written.split("\r\n").map((line) => line.length))).toBeLessThanOrEqual(998);
      }),
    );
  });

  it("stays readable where it is plain ASCII, and is base64 where it is not", () => {
    expect(messageText(mail, envelope)).toContain("\r\n\r\nline one\r\nline two");
    for (const text of ["gr\u00fc\u00dfe", "a bare \r carriage return", "x".repeat(999)]) {
      const written = messageText({ ...mail, text }, envelope);
      expect(written).toContain("Content-Transfer-Encoding: base64");
      expect(parsedMail(written).text).toBe(text);
    }
  });

  it("never has another header or recipient, whatever subject and address it is given", () => {
    const names = (text: string) =>
      text
        .split("\r\n\r\n")[0]
        ?.split("\r\n")
        .map((line) => line.split(":")[0]);
    const ordinary = names(messageText(mail, envelope));
    assert(
      property(string({ unit: "binary" }), string(), (subject, to) => {
        let written: string;
        try {
          written = messageText({ ...mail, subject, to }, envelope);
        } catch (error) {
          return (error as { code: string }).code === "user.invalid";
        }
        expect(names(written)).toEqual(ordinary);
        return !/[\s,;<>]/.test(to);
      }),
    );
  });
});

describe("mail in a folder", () => {
  it("is one file that only its owner may read, and the log says no more than that", async () => {
    const dir = join(await mkdtemp(join(tmpdir(), "charter-mail-")), "mail");
    const lines: string[] = [];
    const write = (fields: object, message: string) => void lines.push(JSON.stringify(fields) + message);
    const log = { debug: write, info: write, warn: write, error: write };
    await using mailer = diskMailer({ dir, from: envelope.from, clock: systemClock, log });
    await mailer.send({ ...mail, text: "the token is abcdef" });
    const [file = ""] = await readdir(dir);
    expect(file).toMatch(/^[0-9a-f-]{36}\.eml$/);
    expect((await stat(join(dir, file))).mode & 0o777).toBe(0o600);
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
    expect(parsedMail(await readFile(join(dir, file), "latin1"))).toMatchObject({ to: mail.to, subject: mail.subject });
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toMatch(/abcdef|ada@/);
    await rm(join(dir, ".."), { recursive: true });
  });
});

describe("mail on a stream", () => {
  it("is printed whole", async () => {
    const out = new PassThrough({ encoding: "utf8" });
    await using mailer = consoleMailer({ out, from: envelope.from, clock: systemClock });
    await mailer.send(mail);
    const printed = String(out.read());
    for (const part of [mail.to, mail.subject, mail.text, envelope.from]) expect(printed).toContain(part);
    await expect(mailer.send({ ...mail, to: "a@b\nc" })).rejects.toMatchObject({ code: "user.invalid" });
  });
});
