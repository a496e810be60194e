// `charter chat`: a model's answer in the terminal, word by word, then which model it was and what it cost. Without a prompt
// and at a terminal it is a conversation.
import { createInterface } from "node:readline/promises";
import { text as textOf } from "node:stream/consumers";
import type { Call, CommandBody } from "../command.ts";
import { callHeaders, callOptions } from "../call-options.ts";
import { readChat } from "../chat-stream.ts";
import type { ChatEnd } from "../chat-stream.ts";
import { complain, print, printable, tint, printReport } from "../io.ts";
import { exitCodes, UsageError } from "../syntax.ts";

interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/** Micro-dollars in a dollar. */
const dollar = 1_000_000;

/** `charter chat` */
export const chat: CommandBody = {
  usage: "[PROMPT]",
  arity: [0, 1],
  options: [
    ...callOptions,
    { name: "system", value: "TEXT", summary: "instructions for the model" },
    { name: "max-tokens", value: "N", summary: "longest answer, tokens" },
    { name: "temperature", value: "T", summary: "0 to 2" },
  ],
  examples: [
    { line: "chat 'Why is the sky blue?'", does: "lets the router choose a model and streams its answer" },
    {
      line: "chat --strategy cascade 'Is 1009 a prime?'",
      does: "asks a cheap model first and a stronger one when it is unsure",
    },
    { line: "chat", does: "holds a conversation; an empty line or Ctrl+D ends it" },
  ],
  run,
};

async function run(call: Call): Promise<number> {
  const { io, options, positionals, json } = call;
  const system = options.text("system");
  const messages: Message[] = system === undefined ? [] : [{ role: "system", content: system }];
  const [given] = positionals;
  const talks = given === undefined && "isTTY" in io.stdin && io.stdin.isTTY === true && !json;
  if (talks) return converse(call, messages);
  const prompt = given ?? (await textOf(io.stdin));
  if (prompt.trim() === "") throw new UsageError("give a prompt, as an argument or on stdin");
  const end = await ask(call, [...messages, { role: "user", content: prompt }]);
  if (json) printReport(io, end);
  return end.error === undefined ? exitCodes.ok : exitCodes.refused;
}

async function converse(call: Call, messages: Message[]): Promise<number> {
  const { io } = call;
  using lines = createInterface({ input: io.stdin, output: io.stdout });
  for (;;) {
    const prompt = await lines.question(tint(io, "bold", "> ")).catch(() => "");
    if (prompt.trim() === "") return exitCodes.ok;
    messages.push({ role: "user", content: prompt });
    const end = await ask(call, messages);
    if (end.error !== undefined) return exitCodes.refused;
    messages.push({ role: "assistant", content: end.text });
  }
}

/** Asks and shows the answer as it comes; with --json nothing is shown until the end. */
async function ask({ io, options, json, client }: Call, messages: readonly Message[]): Promise<ChatEnd> {
  const temperature = options.text("temperature");
  if (temperature !== undefined && !(Number(temperature) >= 0 && Number(temperature) <= 2)) {
    throw new UsageError("--temperature must be a number from 0 to 2");
  }
  const maxTokens = options.integer("max-tokens", 1, maxTokensAsked);
  const body = {
    model: options.text("model") ?? "auto",
    messages,
    stream: true,
    stream_options: { include_usage: true },
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    ...(temperature === undefined ? {} : { temperature: Number(temperature) }),
  };
  const answer = await client.open({
    method: "POST",
    path: "/v1/chat/completions",
    headers: { ...callHeaders(options), "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const end = await readChat(answer.body, (piece) => {
    if (!json) io.stdout.write(shown(piece));
  });
  if (!json) {
    print(io, "");
    print(io, tint(io, "dim", printable(summaryOf(end))));
    if (end.error !== undefined) complain(io, tint(io, "red", `the answer broke off: ${printable(end.error)}`));
  }
  return end;
}

/** Most tokens that may be asked for. */
const maxTokensAsked = 1_000_000;

/** Text that keeps its line breaks and nothing else that moves a cursor. */
function shown(piece: string): string {
  return piece.split("\n").map(printable).join("\n");
}

function summaryOf({ facts, usage }: ChatEnd): string {
  const cost = facts.microdollars === null ? "cost unknown" : `$${(facts.microdollars / dollar).toFixed(6)}`;
  const tokens = usage === undefined ? [] : [`${usage.inputTokens} + ${usage.outputTokens} tokens`];
  return [
    `tier ${facts.tier}`,
    facts.model,
    ...tokens,
    cost,
    `cache ${facts.cache}`,
    `ledger ${facts.intentIndex}`,
  ].join(" | ");
}
