// Tools of the Responses API, as OpenAI's own client offers them and is given their calls, with upstreams of other APIs.
import type OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openaiOf, sendEvents, sendJson, startRig, startStub } from "../support/gateway/gateway.ts";
import type { GatewayRig, Stub } from "../support/gateway/gateway.ts";

let rig: GatewayRig;
let stub: Stub;
let client: OpenAI;

const tools: OpenAI.Responses.Tool[] = [
  { type: "shell", environment: { type: "local" } },
  { type: "apply_patch" },
  { type: "function", name: "look", parameters: { type: "object", properties: {} }, strict: false },
  { type: "web_search" },
];
const patch = { type: "create_file", path: "a.txt", diff: "+a" };
const called = (name: string, words: object): object => ({
  id: `call_${name}`,
  index: 0,
  type: "function",
  function: { name, arguments: JSON.stringify(words) },
});
function complete(message: object): object {
  return {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content: null, ...message }, finish_reason: "tool_calls" }],
    usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
  };
}

beforeAll(async () => {
  stub = await startStub();
  const plain = { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keyless: true, open: true, api: "chat" };
  rig = await startRig({ providers: () => ({ plain }) });
  client = openaiOf(rig.charter.url, rig.productKey, { "cache-control": "no-store" });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});

describe("a shell and patches with an upstream of chat completions", () => {
  it("are functions there, and items of their own here, whole and in the next turn", async () => {
    stub.answer = (_seen, out) => sendJson(out, complete({ tool_calls: [called("shell", { commands: ["ls"] })] }));
    const { data: one, response } = await client.responses
      .create({ model: "plain/m", input: "list", tools })
      .withResponse();
    expect(response.headers.get("x-charter-dropped")).toBe("/tools/3");
    const told = stub.seen.at(-1)?.json["tools"] as { function: { name: string } }[];
    expect(told.map((each) => each.function.name)).toEqual(["shell", "apply_patch", "look"]);
    expect(one.output).toMatchObject([
      { type: "shell_call", call_id: "call_shell", action: { commands: ["ls"] }, environment: { type: "local" } },
    ]);
    stub.answer = (_seen, out) => sendJson(out, complete({ content: "a.txt" }));
    const output = [{ stdout: "a.txt", stderr: "", outcome: { type: "exit", exit_code: 0 } }] as const;
    const two = await client.responses.create({
      model: "plain/m",
      previous_response_id: one.id,
      input: [{ type: "shell_call_output", call_id: "call_shell", output: [...output] }],
      tools,
    });
    expect(two.output_text).toBe("a.txt");
    expect(stub.seen.at(-1)?.json["messages"]).toMatchObject([
      { role: "user" },
      { role: "assistant", tool_calls: [{ id: "call_shell", function: { name: "shell" } }] },
      { role: "tool", tool_call_id: "call_shell", content: JSON.stringify(output) },
    ]);
  });

  it("are whole items at the end of a stream", async () => {
    const delta = { role: "assistant", tool_calls: [called("apply_patch", patch)] };
    stub.answer = (_seen, out) =>
      sendEvents(out, [
        JSON.stringify({ id: "c", model: "m", choices: [{ index: 0, delta }] }),
        JSON.stringify({ id: "c", model: "m", choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] }),
        "[DONE]",
      ]);
    const stream = client.responses.stream({ model: "plain/m", input: "make a", tools });
    const done: unknown[] = [];
    stream.on("response.output_item.done", ({ item }) => done.push(item));
    const { output } = await stream.finalResponse();
    expect(output).toMatchObject([{ type: "apply_patch_call", call_id: "call_apply_patch", operation: patch }]);
    expect(done).toMatchObject(output);
  });

  it("are offered as a choice of some tools says", async () => {
    stub.answer = (_seen, out) => sendJson(out, complete({ tool_calls: [called("look", {})] }));
    await client.responses.create({
      model: "plain/m",
      input: "look",
      tools,
      tool_choice: { type: "allowed_tools", mode: "required", tools: [{ type: "function", name: "look" }] },
    });
    expect(stub.seen.at(-1)?.json).toMatchObject({
      tools: [{ function: { name: "look" } }],
      tool_choice: "required",
    });
  });
});
