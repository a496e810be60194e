// Mail leaves in the background: whether it arrives, late or never changes no answer.
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { startTestCharter } from "../support/app/in-process.ts";
import type { Answer, TestCharter } from "../support/app/in-process.ts";
import { mailUser, startMailServer } from "../support/identity/mail-server.ts";
import { parsedMail, tokenIn } from "../support/identity/mail.ts";

const auth = "/api/v1/auth";
const start = (smtpUrl: string, more: Record<string, string> = {}): Promise<TestCharter> =>
  startTestCharter({ flags: { "rate-factor": "100000", "mail-transport": "smtp", "smtp-url": smtpUrl, ...more } });
const register = (charter: TestCharter, username: string): Promise<Answer> =>
  charter.ask(`${auth}/register`, {
    key: null,
    body: { username, email: `${username}@example.org`, password: "seven tangled umbrellas" },
  });

/** The text of a mail as nodemailer encoded it. */
function textOf(raw: string): string {
  if (/^Content-Transfer-Encoding: base64/im.test(raw)) return parsedMail(raw).text;
  const body = raw.slice(raw.indexOf("\r\n\r\n"));
  return body
    .replaceAll("=\r\n", "")
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}

describe("mail", () => {
  it("reaches the mail server with a link to the public URL, and what waits is sent before the server stops", async () => {
    await using server = await startMailServer();
    const url = `smtp://${mailUser.name}:${encodeURIComponent(mailUser.password)}@127.0.0.1:${server.port}`;
    const charter = await start(url, {
      "public-url": "https://charter.example.org/",
      "mail-from": "Charter <no-reply@example.org>",
    });
    expect((await register(charter, "ada")).status).toBe(202);
    await charter[Symbol.asyncDispose]();
    expect(server.received).toHaveLength(1);
    const [mail] = server.received;
    expect(mail).toMatchObject({ from: "no-reply@example.org", to: ["ada@example.org"], encrypted: true });
    const text = textOf(mail?.raw ?? "");
    expect(text).toContain("curl https://charter.example.org/api/v1/auth/verify");
    expect(tokenIn(text)).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  it("that cannot be sent changes no answer, and the server still stops", async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket.on("error", () => {})));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as AddressInfo;
    for (const smtpUrl of ["smtp://127.0.0.1:1", `smtp://127.0.0.1:${port}`]) {
      const charter = await start(smtpUrl);
      for (const username of ["ada", "grace"]) expect((await register(charter, username)).status).toBe(202);
      const asked = await charter.ask(`${auth}/password-reset/request`, {
        key: null,
        body: { email: "admin@charter.invalid" },
      });
      expect(asked.status).toBe(202);
      const stopping = charter[Symbol.asyncDispose]();
      for (const socket of sockets) socket.destroy();
      await stopping;
    }
    silent.close();
  });

  it("without a usable SMTP server's URL does not start", async () => {
    await expect(start("")).rejects.toThrow("mail.smtpUrl");
    await expect(start("https://example.org")).rejects.toThrow("smtp://");
  });
});
