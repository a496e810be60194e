// Sessions of several turns with a tool, a picture, a PDF and thoughts, whole and streamed, by the SDKs that people build on.
import { readFileSync } from "node:fs";
import { Agent, run, setDefaultOpenAIClient, setTracingDisabled, tool as agentTool } from "@openai/agents";
import Anthropic from "@anthropic-ai/sdk";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { ChatOpenAI } from "@langchain/openai";
import { generateText, stepCountIs, streamText, tool } from "ai";
import OpenAI from "openai";
import { z } from "zod";

globalThis.AI_SDK_LOG_WARNINGS = false;
const { CHARTER_URL, CHARTER_KEY, PICTURE } = process.env;
const baseURL = `${CHARTER_URL}/v1`;
const apiKey = CHARTER_KEY;
const model = "up/gpt-4o";
const expected = "It is a red pixel.";
const thought = "It is small and red.";
const pdf = "JVBERi0xLjQKJSVFT0Y=";
let failed = 0;

/** @throws Where the thoughts of the model were not given. */
function assertThought(said) {
  if (said !== thought) throw new Error(`thought ${JSON.stringify(said)}`);
}

async function check(name, work) {
  try {
    const said = await work();
    if (said !== expected) throw new Error(`said ${JSON.stringify(said)}`);
    console.log(`PASS  ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL  ${name}  -- ${String(error?.message ?? error).slice(0, 300)}`);
  }
}

const inputSchema = z.object({ city: z.string() });
const tools = { weather: tool({ description: "The weather", inputSchema, execute: async () => ({ sky: "blue" }) }) };
const openai = createOpenAI({ baseURL, apiKey });
const models = {
  "Vercel ai, OpenAI Responses": openai(model),
  "Vercel ai, OpenAI chat": openai.chat(model),
  "Vercel ai, Anthropic": createAnthropic({ baseURL, apiKey })(model),
  "Vercel ai, OpenAI-compatible": createOpenAICompatible({ name: "charter", baseURL, apiKey })(model),
};
for (const [name, by] of Object.entries(models)) {
  const data = readFileSync(PICTURE);
  const content = [
    { type: "text", text: `What is it? (${name})` },
    { type: "file", mediaType: "image/png", data },
    { type: "file", mediaType: "application/pdf", data: Buffer.from(pdf, "base64"), filename: "a.pdf" },
  ];
  const messages = [{ role: "user", content }];
  const asked = { model: by, tools, stopWhen: stepCountIs(4), maxOutputTokens: 1000 };
  await check(`${name}, whole`, async () => {
    const { steps, text, reasoningText } = await generateText({ ...asked, messages });
    if (steps.length !== 2) throw new Error(`${steps.length} steps`);
    // Its chat model has no place for thoughts.
    if (name !== "Vercel ai, OpenAI chat") assertThought(reasoningText);
    return text;
  });
  await check(`${name}, streamed`, async () => {
    const raise = ({ error }) => {
      throw error;
    };
    const streamed = streamText({ ...asked, messages, onError: raise });
    let text = "";
    for await (const piece of streamed.textStream) text += piece;
    if (name !== "Vercel ai, OpenAI chat") assertThought(await streamed.reasoningText);
    return text;
  });
  await check(`${name}, a second turn`, async () => {
    const { response } = await generateText({ ...asked, messages });
    const more = { role: "user", content: "And now?" };
    return (await generateText({ ...asked, messages: [...messages, ...response.messages, more] })).text;
  });
}

const langchain = { model, apiKey, configuration: { baseURL } };
await check("LangChain, chat", async () => (await new ChatOpenAI(langchain).invoke("What is it?")).content);
await check("LangChain, streamed", async () => {
  let text = "";
  for await (const { content } of await new ChatOpenAI(langchain).stream("What is it there?")) text += content;
  return text;
});
await check("LangChain, Responses", async () => {
  const { content } = await new ChatOpenAI({ ...langchain, useResponsesApi: true }).invoke("What is it here?");
  return content.map(({ text }) => text).join("");
});

const plain = new OpenAI({ baseURL, apiKey });
const weatherOf = { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } };
const parts = [
  { type: "text", text: "What is it, said plainly?" },
  { type: "image_url", image_url: { url: `data:image/png;base64,${readFileSync(PICTURE, "base64")}` } },
  { type: "file", file: { filename: "a.pdf", file_data: `data:application/pdf;base64,${pdf}` } },
];
for (const isStreamed of [false, true]) {
  const way = isStreamed ? "streamed" : "whole";
  await check(`openai, chat, two turns, ${way}`, async () => {
    const messages = [{ role: "user", content: parts }];
    const asked = { model, messages, tools: [{ type: "function", function: weatherOf }] };
    const say = () =>
      isStreamed ? plain.chat.completions.stream(asked).finalChatCompletion() : plain.chat.completions.create(asked);
    const { message } = (await say()).choices[0];
    const [call] = message.tool_calls;
    messages.push(message, { role: "tool", tool_call_id: call.id, content: "blue" });
    return (await say()).choices[0].message.content;
  });
  await check(`openai, Responses, two turns, ${way}`, async () => {
    const content = [
      { type: "input_text", text: "What is it, said as a response?" },
      { type: "input_image", image_url: parts[1].image_url.url, detail: "auto" },
      { type: "input_file", ...parts[2].file },
    ];
    const input = [{ role: "user", content }];
    const asked = { model, input, store: false, tools: [{ type: "function", strict: false, ...weatherOf }] };
    const say = () => (isStreamed ? plain.responses.stream(asked).finalResponse() : plain.responses.create(asked));
    const first = await say();
    const call = first.output.find(({ type }) => type === "function_call");
    input.push(...first.output, { type: "function_call_output", call_id: call.call_id, output: "blue" });
    const { output, output_text: text } = await say();
    assertThought(output.find(({ type }) => type === "reasoning")?.summary[0]?.text);
    return text;
  });
  await check(`@anthropic-ai/sdk, two turns, ${way}`, async () => {
    const client = new Anthropic({ baseURL: CHARTER_URL, apiKey });
    const source = (media_type, data) => ({ type: "base64", media_type, data });
    const content = [
      { type: "text", text: "What is it, said as a message?" },
      { type: "image", source: source("image/png", readFileSync(PICTURE, "base64")) },
      { type: "document", source: source("application/pdf", pdf) },
    ];
    const messages = [{ role: "user", content }];
    const { name, parameters: input_schema } = weatherOf;
    const thinking = { type: "enabled", budget_tokens: 1024 };
    const asked = { model, max_tokens: 4000, thinking, messages, tools: [{ name, input_schema }] };
    const say = () => (isStreamed ? client.messages.stream(asked).finalMessage() : client.messages.create(asked));
    const first = await say();
    const call = first.content.find(({ type }) => type === "tool_use");
    if (call.input.city !== "Rome") throw new Error(`called with ${JSON.stringify(call.input)}`);
    const result = { type: "tool_result", tool_use_id: call.id, content: "blue" };
    messages.push({ role: "assistant", content: first.content }, { role: "user", content: [result] });
    const { content: said } = await say();
    assertThought(said.find(({ type }) => type === "thinking")?.thinking);
    return said.find(({ type }) => type === "text")?.text;
  });
}

setTracingDisabled(true);
setDefaultOpenAIClient(new OpenAI({ baseURL, apiKey }));
const weather = agentTool({
  name: "weather",
  description: "The weather",
  parameters: inputSchema,
  execute: async () => "blue",
});
await check("OpenAI Agents", async () => {
  const agent = new Agent({ name: "a", instructions: "Be brief.", model, tools: [weather] });
  return (await run(agent, "The weather in Rome?")).finalOutput;
});

process.exitCode = failed === 0 ? 0 : 1;
