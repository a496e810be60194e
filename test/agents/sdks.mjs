// Sessions of several turns with a tool and a picture, whole and streamed, by the SDKs that people build on.
import { readFileSync } from "node:fs";
import { Agent, run, setDefaultOpenAIClient, setTracingDisabled, tool as agentTool } from "@openai/agents";
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
let failed = 0;

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
  ];
  const messages = [{ role: "user", content }];
  const asked = { model: by, tools, stopWhen: stepCountIs(4), maxOutputTokens: 1000 };
  await check(`${name}, whole`, async () => {
    const { steps, text } = await generateText({ ...asked, messages });
    if (steps.length !== 2) throw new Error(`${steps.length} steps`);
    return text;
  });
  await check(`${name}, streamed`, async () => {
    const raise = ({ error }) => {
      throw error;
    };
    const { textStream } = streamText({ ...asked, messages, onError: raise });
    let text = "";
    for await (const piece of textStream) text += piece;
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
