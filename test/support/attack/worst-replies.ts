// The replies of a provider that cost a server most for their size, and the provider that gives them: the model's name says
// which one.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { many, unorderedKeys } from "./worst-bodies.ts";

/** A reply, made when it is asked for. */
export interface WorstReply {
  readonly name: string;
  readonly streamed: boolean;
  /** Embeddings are asked for. */
  readonly vectors?: boolean;
  readonly make: () => string;
}

const head = '"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m"';
const usage = '"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}';
const whole = (message: string, more = ""): string =>
  `{${head},"choices":[{"index":0,"message":{"role":"assistant",${message}},"finish_reason":"stop"${more}}],${usage}}`;
const chunk = (delta: string, finish = "null"): string =>
  `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{${delta}},"finish_reason":${finish}}]}\n\n`;
const ending = `${chunk("", '"stop"')}data: [DONE]\n\n`;
const call = '{"id":"c","type":"function","function":{"name":"f","arguments":"{\\"a\\":1}"}}';
const mebi = 1024 * 1024;

const wholes: readonly Omit<WorstReply, "streamed">[] = [
  { name: "30 MB of text", make: () => whole(`"content":"${"the quick brown fox ".repeat(1.5 * mebi)}"`) },
  { name: "30 MB of Greek", make: () => whole(`"content":"${"ὀρχησάμενος ".repeat(1.2 * mebi)}"`) },
  { name: "30 MB of line ends", make: () => whole(`"content":"${"\\n".repeat(15 * mebi)}"`) },
  {
    name: "30 MB of what guards look for",
    make: () => whole(`"content":"${"ignore AKIA 4111 1111 1111 ".repeat(mebi)}"`),
  },
  { name: "30 MB of lists", make: () => whole(`"content":"x","more":[${many(10 * mebi, "[]")}]`) },
  { name: "200 000 lists", make: () => whole(`"content":"x","more":[${many(200_000, "[]")}]`) },
  { name: "30 MB of numbers", make: () => whole(`"content":"x","more":[${many(15 * mebi, "1")}]`) },
  {
    name: "9 000 keys in each of twelve records",
    make: () => whole(`"content":"x","more":[${many(12, `{${unorderedKeys(9000)}}`)}]`),
  },
  { name: "250 000 keys", make: () => whole(`"content":"x",${unorderedKeys(250_000)}`) },
  { name: "a depth of a million", make: () => whole(`"content":"x","more":${"[".repeat(mebi)}${"]".repeat(mebi)}`) },
  { name: "100 000 calls of tools", make: () => whole(`"content":null,"tool_calls":[${many(100_000, call)}]`) },
  { name: "300 000 calls of tools", make: () => whole(`"content":null,"tool_calls":[${many(300_000, call)}]`) },
  {
    name: "600 000 choices",
    make: () => `{${head},"choices":[${many(600_000, '{"message":{"content":"x"}}')}],${usage}}`,
  },
  {
    name: "900 000 texts of a content",
    make: () => whole(`"content":[${many(900_000, '{"type":"text","text":"xy"}')}]`),
  },
  {
    name: "400 000 pictures",
    make: () =>
      whole(`"content":"x","images":[${many(400_000, '{"image_url":{"url":"data:image/png;base64,AAAA"}}')}]`),
  },
  {
    name: "1 300 000 empty vectors",
    vectors: true,
    make: () => `{"object":"list","model":"m","data":[${many(690_000, '{"embedding":[]}')}],${usage}}`,
  },
  { name: "30 000 calls of tools", make: () => whole(`"content":null,"tool_calls":[${many(30_000, call)}]`) },
  { name: "9 000 calls of tools", make: () => whole(`"content":null,"tool_calls":[${many(9000, call)}]`) },
  {
    name: "100 000 choices",
    make: () => `{${head},"choices":[${many(60_000, '{"message":{"content":"x"}}')}],${usage}}`,
  },
  {
    name: "100 000 texts of a content",
    make: () => whole(`"content":[${many(100_000, '{"type":"text","text":"xy"}')}]`),
  },
  {
    name: "100 000 pictures",
    make: () => whole(`"content":"x","images":[${many(60_000, '{"image_url":{"url":"data:image/png;base64,AAAA"}}')}]`),
  },
  {
    name: "1 300 000 empty probabilities",
    make: () => whole('"content":"x"', `,"logprobs":{"content":[${many(1_300_000, '{"logprob":-1}')}]}`),
  },
  {
    name: "probabilities of 30 000 tokens",
    make: () =>
      whole(
        '"content":"x"',
        `,"logprobs":{"content":[${many(30_000, `{"token":"a","logprob":-0.1,"bytes":[97],"top_logprobs":[${many(20, '{"token":"b","logprob":-1.25,"bytes":[98]}')}]}`)}]}`,
      ),
  },
  { name: "what is no JSON after 30 MB", make: () => `${whole(`"content":"${"x".repeat(30 * mebi)}"`)}]` },
  {
    name: "2 048 vectors of 700 numbers",
    vectors: true,
    make: () =>
      `{"object":"list","model":"m","data":[${Array.from({ length: 2048 }, (_, i) => `{"object":"embedding","index":${i},"embedding":[${many(700, "-0.012345678901234567")}]}`).join(",")}],${usage}}`,
  },
  {
    name: "250 000 empty vectors",
    vectors: true,
    make: () => `{"object":"list","model":"m","data":[${many(120_000, '{"embedding":[]}')}],${usage}}`,
  },
];

const streams: readonly Omit<WorstReply, "streamed">[] = [
  { name: "300 000 tiny frames", make: () => chunk('"content":"a"').repeat(300_000) + ending },
  { name: "a million comments", make: () => `${chunk('"content":"a"')}${":\n\n".repeat(1_000_000)}${ending}` },
  { name: "two million empty lines", make: () => `${chunk('"content":"a"')}${"\n".repeat(2_000_000)}${ending}` },
  {
    name: "500 000 data lines in frames",
    make: () => `${chunk('"content":"a"')}${`${"data: \n".repeat(100_000)}\n`.repeat(5)}${ending}`,
  },
  {
    name: "8 frames of a mebibyte of text",
    make: () => chunk(`"content":"${"fox AKIA ".repeat(110_000)}"`).repeat(8) + ending,
  },
  {
    name: "10 frames of a mebibyte of lists",
    make: () => chunk(`"content":"a","more":[${many(340_000, "[]")}]`).repeat(10) + ending,
  },
  {
    name: "10 frames of many keys",
    make: () => chunk(`"content":"a","more":{${unorderedKeys(80_000)}}`).repeat(10) + ending,
  },
  {
    name: "10 frames of 10 000 calls of tools",
    make: () =>
      chunk(`"tool_calls":[${many(10_000, '{"index":0,"function":{"arguments":"aaaa"}}')}]`).repeat(10) + ending,
  },
  {
    name: "10 000 calls of tools, each its own",
    make: () =>
      Array.from({ length: 10_000 }, (_, i) =>
        chunk(`"tool_calls":[{"index":${i},"id":"c${i}","function":{"name":"f","arguments":"{}"}}]`),
      ).join("") + ending,
  },
  {
    name: "a frame of a depth",
    make: () => chunk(`"content":"a","more":${"[".repeat(500_000)}${"]".repeat(500_000)}`) + ending,
  },
  {
    name: "carriage returns",
    make: () => (chunk('"content":"a"').replaceAll("\n", "\r\n") + ":\r".repeat(20)).repeat(50_000) + ending,
  },
  { name: "an event that never ends", make: () => `${chunk('"content":"a"')}data: ${"x".repeat(8 * mebi)}` },
];

/** All of them. */
export const worstReplies: readonly WorstReply[] = [
  ...wholes.map((reply) => ({ ...reply, streamed: false })),
  ...streams.map((reply) => ({ ...reply, streamed: true })),
];

/** A provider that gives the reply whose number its model's name is. */
export async function startWorstProvider(): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const { model } = JSON.parse(Buffer.concat(pieces).toString()) as { model: string };
      const reply = worstReplies[Number(model)];
      const type = reply?.streamed === true ? "text/event-stream" : "application/json";
      response.writeHead(200, { "content-type": type }).end(reply?.make());
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, "close");
    },
  };
}
