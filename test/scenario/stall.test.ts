// No call of a model holds the event loop: the worst bodies of each API, accepted or refused, are read, checked, guarded,
// digested, translated and sent in turns with everything else, and so are the worst replies of a provider.
//
// What is asserted is the processor time of the server's main thread between two turns of its loop (support/attack/loop-probe.ts):
// on a quiet machine it is the pause that everybody feels, and on a loaded one it does not grow with the load, as time on
// the wall does. A body is measured up to four times and its shortest pause counts, because a collection of what others left
// may fall into it. The longest waits of a caller in another process are printed beside it, with those at rest.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { figures, mostMs, shortestStall, startStallRig } from "../support/attack/stall-rig.ts";
import type { Stall, StallRig } from "../support/attack/stall-rig.ts";
import { worstChats, worstEmbeddings, worstMessages, worstResponses } from "../support/attack/worst-bodies.ts";
import type { WorstBody } from "../support/attack/worst-bodies.ts";
import { startWorstProvider, worstReplies } from "../support/attack/worst-replies.ts";
import type { WorstRequest } from "../support/attack/worst-requests.ts";

let rig: StallRig;
let provider: Awaited<ReturnType<typeof startWorstProvider>>;
const seen: { readonly name: string; readonly stall: Stall }[] = [];

/** A call of a model that no cache answers. */
function call(target: string, name: string, body: () => string | Buffer): WorstRequest {
  const headers = { "content-type": "application/json", "cache-control": "max-age=0" };
  return { name, method: "POST", target, headers, body };
}

async function measured(request: WorstRequest): Promise<Stall> {
  const stall = await shortestStall(rig, request);
  seen.push({ name: request.name, stall });
  return stall;
}

beforeAll(async () => {
  provider = await startWorstProvider();
  rig = await startStallRig({
    worst: { kind: "openai-compatible", baseUrl: `${provider.url}/v1`, keyless: true, open: true },
  });
  // The first calls pay for what the engine has not compiled yet.
  const plain = '{"model":"up/ok","messages":[{"role":"user","content":"Hi"}]}';
  for (let i = 0; i < 20; i++) await rig.measure([call("/v1/chat/completions", "warm-up", () => plain)]);
});
afterAll(async () => {
  seen.sort((one, other) => other.stall.cpuMs - one.stall.cpuMs);
  const rows = seen.slice(0, 10).map(({ name, stall }) => `\n  ${name}: ${figures(stall)}`);
  process.stderr.write(`stall: at rest ${figures(await rig.rest())}; the longest of ${seen.length}:${rows.join("")}\n`);
  await rig[Symbol.asyncDispose]();
  await provider[Symbol.asyncDispose]();
});

const apis: readonly (readonly [path: string, bodies: readonly WorstBody[]])[] = [
  ["/v1/chat/completions", worstChats],
  ["/v1/messages", worstMessages],
  ["/v1/responses", worstResponses],
  ["/v1/embeddings", worstEmbeddings],
];

describe.each(apis)("a call of %s", (path, bodies) => {
  it.each(bodies)("holds the loop for less than 50 ms with $name", async ({ name, make, refused }) => {
    const body = make();
    const stall = await measured(call(path, `${path} with ${name}`, () => body));
    const said = refused?.includes(".") === true ? stall.code : stall.limit;
    const status = refused === undefined ? 200 : refused === "guard.denied" ? 403 : 400;
    expect([stall.status, said]).toEqual([status, refused]);
    expect(stall.cpuMs).toBeLessThan(mostMs);
  });
});

describe("a reply of a provider", () => {
  const rows = worstReplies.map((reply, i) => ({ ...reply, i, kind: reply.streamed ? "a stream of" : "a reply of" }));
  it.each(rows)("holds the loop for less than 50 ms when it is $kind $name", async ({ name, streamed, vectors, i }) => {
    const asked =
      vectors === true ? { input: "Hi" } : { messages: [{ role: "user", content: "Hi" }], stream: streamed };
    const body = JSON.stringify({ model: `worst/${i}`, ...asked });
    const path = vectors === true ? "/v1/embeddings" : "/v1/chat/completions";
    const stall = await measured(call(path, `a provider's reply of ${name}`, () => body));
    expect([200, 502]).toContain(stall.status);
    expect(stall.cpuMs).toBeLessThan(mostMs);
  });
});
