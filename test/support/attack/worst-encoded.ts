// The texts that cost the guards most for their size: such as hold encodings, or look so.
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { WorstBody } from "./worst-bodies.ts";

const mebi = 1024 * 1024;
const prose = "The quick brown fox jumps over the lazy dog, and then it sleeps. ";

/** A call of one user whose messages are these. */
const said = (...texts: readonly string[]): string =>
  JSON.stringify({ model: "up/ok", messages: texts.map((content) => ({ role: "user", content })) });

/** Base64 of so many bytes that look drawn at random, the same with every run. */
function drawn(bytes: number): string {
  const pieces: Buffer[] = [];
  for (let i = 0; i * 64 < bytes; i++) pieces.push(createHash("sha512").update(String(i)).digest());
  return Buffer.concat(pieces).toString("base64");
}

const cut = (text: string, length: number, by: string): string =>
  (text.match(new RegExp(`.{1,${length}}`, "g")) ?? []).join(by);

/** Chats with encoded text. */
export const encodedChats: readonly WorstBody[] = [
  { name: "31 MB of prose in base64", make: () => said(Buffer.from(prose.repeat(366_000)).toString("base64")) },
  { name: "4 MB of base64 in words", make: () => said(cut(drawn(3 * mebi), 40, " ")) },
  { name: "8 MB of base64 in short lines", make: () => said(cut(drawn(6 * mebi), 8, "\n")) },
  { name: "9 000 messages of base64", make: () => said(...cut(drawn(mebi), 160, " ").split(" ")) },
  {
    name: "9 000 keys and values of base64",
    make: () => {
      const words = cut(drawn(mebi / 2), 38, " ")
        .split(" ")
        .slice(0, 18_000);
      const record = Object.fromEntries(words.slice(0, 9000).map((key, i) => [key, words[9000 + i]]));
      return JSON.stringify({ model: "up/ok", messages: [{ role: "user", content: "Hi" }], metadata: record });
    },
  },
  {
    name: "4 MB of compressed prose",
    refused: "guard.denied",
    make: () => {
      const page = gzipSync(prose.repeat(8000)).toString("base64");
      return said(`${page} `.repeat(Math.floor((4 * mebi) / page.length)));
    },
  },
];
