// How long the guards take over a call, and how long they hold up everyone else while they look through a large one.
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { ModelCall, Turn } from "../src/models/conversation.ts";
import { defaultGuardPolicy } from "../src/guards/guard.ts";
import type { GuardPolicy } from "../src/guards/guard.ts";
import { guardCall } from "../src/guards/inspection.ts";
import { guardKeywords } from "../src/guards/rule-book.ts";
import { costFigure, nearestRank, numberText, runAlone } from "./bench.ts";
import type { Bench, Figure } from "./bench.ts";
import { plainCall } from "../test/support/gateway/model-call.ts";

/** Prompts as people send them, of 100 to 300 characters; one holds a guard's keyword, one letters beyond ASCII. */
const prompts = [
  "What is the capital of France, and how many people live there today? Please answer in two sentences only.",
  "Write a function in TypeScript that takes a list of orders and returns the total per customer, sorted by total. Each order " +
    "has an id, a customer, a list of lines with price and count. Show how you would test it, and explain in a few words why " +
    "the result is stable when two totals are equal to each other.",
  "Übersetze bitte den folgenden Absatz ins Englische und erkläre die schwierigen Wörter: Der Gärtner schließt die Tür – und geht.",
];

const everything: GuardPolicy = { secrets: "redact", pii: "redact", injection: "redact" };
const megabyte = 1_000_000;

/** Large bodies: one that is honest, and such as make the guards work hardest. */
const larges: readonly (readonly [name: string, piece: string, megabytes: number, policy: GuardPolicy])[] = [
  ["prose", "The quick brown fox jumps over the lazy dog, and then it sleeps. ", 31, defaultGuardPolicy],
  ["all keywords", `${guardKeywords.words.join(" ")} `, 31, defaultGuardPolicy],
  ["token=", "token=", 31, defaultGuardPolicy],
  ["ignore all", "ignore all ", 31, defaultGuardPolicy],
  ["[/INST]", "[/INST] ", 31, defaultGuardPolicy],
  ["digits, personal data redacted", "1111 1111 1111 1111 ", 8, everything],
  ["mail addresses, personal data redacted", "jane@acme.io ", 8, everything],
  ["joiners", "क\u200D", 8, defaultGuardPolicy],
];

function callOf(raw: { readonly messages: readonly { readonly content: string }[] }): ModelCall {
  return plainCall({
    raw,
    turns: raw.messages.map(({ content }): Turn => ({ role: "user", parts: [{ kind: "text", text: content }] })),
  });
}

const bodyOf = (content: string): string =>
  JSON.stringify({
    model: "auto",
    messages: [{ role: "user", content }],
    temperature: 0.7,
    max_tokens: 256,
    stream: false,
  });

/** Microseconds of each of many small batches, per item. */
function timesOf<Item>(items: () => readonly Item[], work: (item: Item) => unknown): number[] {
  const times: number[] = [];
  for (let batch = 0; batch < 1500; batch++) {
    const each = items();
    const startMs = performance.now();
    for (const item of each) work(item);
    times.push(((performance.now() - startMs) * 1000) / each.length);
  }
  return times.slice(300).toSorted((left, right) => left - right);
}

function smallCalls(): Figure {
  const bodies = Array.from({ length: 99 }, (_, i) => bodyOf(prompts[i % prompts.length] ?? ""));
  const parsing = timesOf(
    () => bodies,
    (body) => JSON.parse(body) as unknown,
  );
  const looking = timesOf(
    () => bodies.map((body) => callOf(JSON.parse(body) as { messages: { content: string }[] })),
    (call) => guardCall(call, defaultGuardPolicy),
  );
  return costFigure({
    name: "a call of 100 to 300 characters",
    value: nearestRank(looking, 0.5),
    unit: "µs",
    against: "parsing its body",
    base: nearestRank(parsing, 0.5),
    note: `p99 ${numberText(nearestRank(looking, 0.99))} µs`,
  });
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** How often a large call is looked through: whatever else the machine does only makes a pause longer. */
const tries = 5;

async function largeCall([name, piece, megabytes, policy]: (typeof larges)[number]): Promise<Figure> {
  const count = Math.floor((megabytes * megabyte) / Buffer.byteLength(piece));
  const call = callOf({ messages: [{ content: Buffer.from(piece.repeat(count)).toString() }] });
  const taken: { readonly longestMs: number; readonly tookMs: number }[] = [];
  for (let i = 0; i < tries; i++) taken.push(await timed(call, policy));
  const least = (of: keyof (typeof taken)[number]): number => Math.min(...taken.map((each) => each[of]));
  const tookMs = least("tookMs");
  return costFigure({
    name: `longest pause of the event loop, ${megabytes} MB of ${name}`,
    value: least("longestMs"),
    unit: "ms",
    against: "all of it",
    base: tookMs,
    note: `${numberText((megabytes * 1000) / tookMs)} MB/s; least of ${tries}`,
  });
}

async function timed(call: ModelCall, policy: GuardPolicy) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await pause(50);
  delay.reset();
  await pause(20);
  const startMs = performance.now();
  await guardCall(call, policy);
  const tookMs = performance.now() - startMs;
  await pause(20);
  delay.disable();
  return { longestMs: delay.max / 1e6, tookMs };
}

async function* run(): AsyncGenerator<Figure> {
  yield smallCalls();
  for (const large of larges) yield await largeCall(large);
}

/** What the guards cost. */
export const inspection: Bench = {
  name: "inspection",
  question: "How long do the guards take over a call, and how long do they hold up everybody else meanwhile?",
  options: {},
  run,
};

if (import.meta.main) await runAlone(inspection);
