import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { mailUser, startMailServer } from "../../../test/support/identity/mail-server.ts";
import { smtpMailer } from "./smtp-mail.ts";

const from = "Charter <charter@example.org>";
const mail = { to: "ada@example.org", subject: "Grüße", text: "one\n.two\nthrée ends with the word\n" };
const credentials = `${mailUser.name}:${encodeURIComponent(mailUser.password)}@`;

describe("mail by SMTP", () => {
  it("arrives encrypted and with the right user", async () => {
    await using server = await startMailServer();
    const url = `smtp://${credentials}127.0.0.1:${server.port}`;
    await using mailer = smtpMailer({ url, from, ca: server.ca, requireTls: true });
    await mailer.send(mail);
    const [received] = server.received;
    expect(received).toMatchObject({
      from: "charter@example.org",
      to: ["ada@example.org"],
      user: mailUser.name,
      encrypted: true,
    });
    expect(received?.raw).toMatch(/^From: Charter <charter@example.org>\r\n/m);
    expect(received?.raw).toMatch(/^Auto-Submitted: auto-generated\r\n/m);
    expect(received?.raw).toMatch(/^Subject: =\?UTF-8\?/im);
  });

  it("arrives over TLS from the first byte", async () => {
    await using server = await startMailServer({ secure: true });
    const url = `smtps://${credentials}127.0.0.1:${server.port}`;
    await using mailer = smtpMailer({ url, from, ca: server.ca, requireTls: true });
    await mailer.send(mail);
    expect(server.received[0]?.encrypted).toBe(true);
  });

  it("does not leave in clear, nor to a server that cannot show who it is", async () => {
    await using plain = await startMailServer({ disabledCommands: ["STARTTLS"], authOptional: true });
    await using unknown = await startMailServer({ authOptional: true });
    for (const { port } of [plain, unknown]) {
      await using mailer = smtpMailer({ url: `smtp://127.0.0.1:${port}`, from, requireTls: true });
      await expect(mailer.send(mail)).rejects.toThrow();
    }
    expect([...plain.received, ...unknown.received]).toEqual([]);
  });

  it("leaves for this machine's own server, whose certificate nobody signed or which has none", async () => {
    await using plain = await startMailServer({ disabledCommands: ["STARTTLS"], authOptional: true });
    await using unknown = await startMailServer({ authOptional: true });
    for (const server of [plain, unknown]) {
      await using mailer = smtpMailer({ url: `smtp://127.0.0.1:${server.port}`, from });
      await mailer.send(mail);
      expect(server.received).toHaveLength(1);
    }
  });

  it("fails with a wrong password, at a server that refuses, and at one that is not there", async () => {
    const server = await startMailServer();
    const send = async (user: string) => {
      await using mailer = smtpMailer({ url: `smtp://${user}127.0.0.1:${server.port}`, from });
      await mailer.send(mail);
    };
    await expect(send("charter:wrong@")).rejects.toMatchObject({ code: "EAUTH" });
    server.refuse(1);
    await expect(send(credentials)).rejects.toMatchObject({ responseCode: 451 });
    await server[Symbol.asyncDispose]();
    await expect(send(credentials)).rejects.toMatchObject({ code: "ESOCKET" });
  });

  it("gives up on a server that says nothing", async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket.on("error", () => {})));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as AddressInfo;
    await using mailer = smtpMailer({ url: `smtp://127.0.0.1:${port}`, from, timeoutMs: 100 });
    await expect(mailer.send(mail)).rejects.toMatchObject({ code: "ETIMEDOUT" });
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  const endlessly = (line: string) => (socket: Socket) => {
    const timer = setInterval(() => socket.write(line), 10);
    socket.on("close", () => clearInterval(timer));
  };
  it.each<[string, (socket: Socket) => void]>([
    ["whose greeting never ends", endlessly("220-hello\r\n")],
    ["that never ends a line", endlessly("2")],
    [
      "whose first answer never ends",
      (socket) => socket.write("220 hi\r\n") && socket.once("data", () => endlessly("250-x\r\n")(socket)),
    ],
    [
      "that floods",
      (socket) => {
        const flood = (): void =>
          void (socket.writable && socket.write(Buffer.alloc(65_536, "2")) && setImmediate(flood));
        socket.on("drain", flood);
        flood();
      },
    ],
  ])("gives up on a server %s", async (_name, talk) => {
    const lying = createServer((socket) => talk(socket.on("error", () => {})));
    await new Promise<void>((resolve) => lying.listen(0, "127.0.0.1", resolve));
    const { port } = lying.address() as AddressInfo;
    await using mailer = smtpMailer({ url: `smtp://127.0.0.1:${port}`, from, timeoutMs: 100 });
    await expect(mailer.send(mail)).rejects.toThrow();
    await new Promise((resolve) => lying.close(resolve));
  });

  it.each([
    { to: "ada@example.org, eve@example.org" },
    { to: "ada@example.org\r\nBcc: eve@example.org" },
    { to: "<ada@example.org> eve@example.org" },
    { subject: "hello\r\nBcc: eve@example.org" },
    { subject: "hello\u2028there" },
  ])("refuses a mail that would add a recipient or a header: %j", async (fields) => {
    await using server = await startMailServer({ authOptional: true });
    await using mailer = smtpMailer({ url: `smtp://127.0.0.1:${server.port}`, from });
    await expect(mailer.send({ ...mail, ...fields })).rejects.toMatchObject({ code: "user.invalid" });
    expect(server.received).toEqual([]);
  });

  it("refuses a URL that is none of its own, without repeating its password", () => {
    for (const url of ["", "http://example.org", "smtp://", "smtp:secret"]) {
      expect(() => smtpMailer({ url, from })).toThrow(/^mail.smtpUrl must be smtp:/);
    }
  });
});
