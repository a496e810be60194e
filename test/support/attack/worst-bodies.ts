// The bodies that cost a server most for their size: what a stranger would send to hold it up. Made when asked for, because
// some are as large as a body may be.

import { encodedChats } from "./worst-encoded.ts";

/** A body of a call of a model, and what it is. */
export interface WorstBody {
  readonly name: string;
  readonly make: () => string | Buffer;
  /** What it is refused as: the name of a limit, or the code of the refusal; absent where it is answered. */
  readonly refused?: string;
}

const model = "up/ok";
const hi = [{ role: "user", content: "Hi" }];

/** A record of so many keys in no order, as text without its braces. */
export function unorderedKeys(count: number, value = "0", prefix = "k"): string {
  const rows: string[] = [];
  // A step that has no divisor in common with the count visits every number once, in no order.
  for (let i = 0, at = 0; i < count; i++, at = (at + 7919) % count) rows.push(`"${prefix}${at}":${value}`);
  return rows.join(",");
}

/** So many times the same, as the inside of a list. */
export function many(count: number, item: string): string {
  return Array.from({ length: count }, () => item).join(",");
}

/** A chat with more fields, as text. */
const chat = (fields: string, messages = JSON.stringify(hi)): string =>
  `{"model":"${model}","messages":${messages}${fields === "" ? "" : `,${fields}`}}`;

const message = (messages: string, more = '"metadata":{}'): string =>
  `{"model":"${model}","max_tokens":16,"messages":${messages},${more}}`;
const response = (input: string): string => `{"model":"${model}","input":${input}}`;

const mebi = 1024 * 1024;

/** Chats. */
export const worstChats: readonly WorstBody[] = [
  ...encodedChats,
  { name: "249 000 unordered keys at the top", refused: "maxCallParameters", make: () => chat(unorderedKeys(249_000)) },
  {
    name: "249 000 unordered keys in metadata",
    refused: "maxJsonKeys",
    make: () => chat(`"metadata":{${unorderedKeys(249_000, '"x"')}}`),
  },
  {
    name: "9 000 unordered keys in each of ten records",
    refused: "maxParameterValues",
    make: () =>
      chat(
        many(10, "")
          .split(",")
          .map((_, i) => `"x${i}":{${unorderedKeys(9000)}}`)
          .join(","),
      ),
  },
  { name: "4 000 unordered keys at the top", refused: "maxCallParameters", make: () => chat(unorderedKeys(4000)) },
  {
    name: "200 unordered keys at the top with lists",
    refused: "maxParameterValues",
    make: () => chat(unorderedKeys(200, `[${many(1000, "1")}]`)),
  },
  {
    name: "250 000 items in an unknown list",
    refused: "maxParameterValues",
    make: () => chat(`"list":[${many(249_900, "1")}]`),
  },
  { name: "240 000 empty lists", refused: "maxJsonContainers", make: () => chat(`"list":[${many(240_000, "[]")}]`) },
  {
    name: "4 000 000 empty records",
    refused: "maxJsonContainers",
    make: () => chat(`"list":[${many(4_000_000, "{}")}]`),
  },
  { name: "10 000 000 numbers", refused: "maxJsonNodes", make: () => chat(`"list":[${many(10_000_000, "1")}]`) },
  {
    name: "depth of a million",
    refused: "maxJsonDepth",
    make: () => chat(`"deep":${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}`),
  },
  {
    name: "30 deep lists of 100 lists",
    refused: "maxJsonContainers",
    make: () => chat(`"deep":${"[".repeat(28)}${many(50_000, "[[1]]")}${"]".repeat(28)}`),
  },
  {
    name: "83 000 messages",
    refused: "maxJsonContainers",
    make: () => chat("", `[${many(83_000, '{"role":"user","content":"x"}')}]`),
  },
  { name: "9 000 messages", make: () => chat("", `[${many(9000, '{"role":"user","content":"x"}')}]`) },
  {
    name: "2 500 turns of an agent",
    make: () =>
      chat(
        "",
        `[${many(2500, '{"role":"user","content":[{"type":"text","text":"read the file and tell me what it says"}]},{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"read","arguments":"{\\"path\\":\\"src/a.ts\\"}"}}]},{"role":"tool","tool_call_id":"c1","content":"the file says hello and much more than that"}')}]`,
      ),
  },
  {
    name: "80 000 parts in a message",
    refused: "maxJsonContainers",
    make: () => chat("", `[{"role":"user","content":[${many(80_000, '{"type":"text","text":"x"}')}]}]`),
  },
  {
    name: "15 000 parts that no one knows",
    refused: "maxUnknownParts",
    make: () =>
      chat("", `[{"role":"user","content":[${many(15_000, '{"type":"hologram"}')},{"type":"text","text":"x"}]}]`),
  },
  {
    name: "4 000 parts that no one knows",
    make: () =>
      chat("", `[{"role":"user","content":[${many(3999, '{"type":"hologram"}')},{"type":"text","text":"x"}]}]`),
  },
  {
    name: "100 000 numbers that no double holds",
    make: () => {
      const schema = `{"type":"object","properties":{"a":{"enum":[${many(100_000, "12345678901234567890")}]}}}`;
      return chat(`"tools":[{"type":"function","function":{"name":"f","parameters":${schema}}}]`);
    },
  },
  {
    name: "15 000 parts in a message",
    make: () => chat("", `[{"role":"user","content":[${many(15_000, '{"type":"text","text":"x"}')}]}]`),
  },
  {
    name: "49 000 tools",
    refused: "maxJsonContainers",
    make: () => chat(`"tools":[${many(49_000, '{"type":"function","function":{"name":"f"}}')}]`),
  },
  {
    name: "500 tools with schemas",
    make: () =>
      chat(
        `"tools":[${Array.from({ length: 500 }, (_, i) => `{"type":"function","function":{"name":"f${i}","description":"d","parameters":{"type":"object","properties":{${Array.from({ length: 15 }, (_, j) => `"p${j}":{"type":"string","description":"what it is"}`).join(",")}}}}}`).join(",")}]`,
      ),
  },
  {
    name: "20 000 tools of unknown kinds",
    refused: "maxCallTools",
    make: () => chat(`"tools":[${many(20_000, '{"type":"computer"}')}]`),
  },
  {
    name: "a form of 80 000 properties",
    refused: "maxJsonKeys",
    make: () =>
      chat(
        `"response_format":{"type":"json_schema","json_schema":{"name":"f","schema":{"type":"object","properties":{${unorderedKeys(80_000, '{"type":"string"}')}}}}}`,
      ),
  },
  {
    name: "a form of 5 000 properties",
    make: () =>
      chat(
        `"response_format":{"type":"json_schema","json_schema":{"name":"f","schema":{"type":"object","properties":{${unorderedKeys(5000, '{"type":"string"}')}}}}}`,
      ),
  },
  {
    name: "a tool of 9 000 properties",
    make: () =>
      chat(
        `"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{${unorderedKeys(9000, '{"type":"string"}')}}}}}]`,
      ),
  },
  {
    name: "31 MB of base64 in a picture",
    make: () =>
      chat(
        "",
        `[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,${"QUJD".repeat(7.5 * mebi)}"}}]}]`,
      ),
  },
  {
    name: "31 MB of text",
    make: () =>
      chat("", `[{"role":"user","content":"${"the quick brown fox jumps over it ".repeat((30 * mebi) / 34)}"}]`),
  },
  {
    name: "31 MB of text in Greek",
    make: () => chat("", `[{"role":"user","content":"${"ὀρχησάμενος ".repeat(1_200_000)}"}]`),
  },
  {
    name: "31 MB of escaped surrogates",
    make: () => chat("", `[{"role":"user","content":"${"\\ud83d\\ude00".repeat((30 * mebi) / 12)}"}]`),
  },
  {
    name: "31 MB of lone surrogates",
    make: () => chat("", `[{"role":"user","content":"${"\\ud83d".repeat((30 * mebi) / 6)}"}]`),
  },
  {
    name: "31 MB of escaped line ends",
    make: () => chat("", `[{"role":"user","content":"${"\\n".repeat(15 * mebi)}"}]`),
  },
  { name: "31 MB of quotes", make: () => chat("", `[{"role":"user","content":"${'\\"'.repeat(15 * mebi)}"}]`) },
  { name: "31 MB of backslashes", make: () => chat("", `[{"role":"user","content":"${"\\\\".repeat(15 * mebi)}"}]`) },
  { name: "31 MB of white space", make: () => chat(`"x":${" ".repeat(30 * mebi)}1`) },
  { name: "31 MB in one key", refused: "maxJsonKeyBytes", make: () => chat(`"${"k".repeat(30 * mebi)}":1`) },
  { name: "31 MB in one number", refused: "maxJsonNumberBytes", make: () => chat(`"x":${"1".repeat(30 * mebi)}`) },
  {
    name: "3 MB of huge numbers",
    refused: "dialect.invalid",
    make: () => chat(`"x":[${many(9000, "1".repeat(330))}]`),
  },
  {
    name: "200 000 fractions",
    refused: "maxParameterValues",
    make: () => chat(`"x":[${many(200_000, "0.1234567890123456789e-7")}]`),
  },
  {
    name: "30 000 texts of 1 000 characters",
    refused: "maxParameterValues",
    make: () => chat(`"x":[${many(30_000, `"${"lorem ipsum ".repeat(83)}"`)}]`),
  },
  { name: "a million times the same key", refused: "request.malformed", make: () => chat(many(1_000_000, '"a":1')) },
  {
    name: "31 MB that end in invalid UTF-8",
    refused: "request.malformed",
    make: () =>
      Buffer.concat([
        Buffer.from(chat("", `[{"role":"user","content":"${"x".repeat(30 * mebi)}`).slice(0, -2)),
        Buffer.from([0xff]),
        Buffer.from('"}]}'),
      ]),
  },
  {
    name: "31 MB that never end",
    refused: "request.malformed",
    make: () => chat("", `[{"role":"user","content":"${"x".repeat(30 * mebi)}`).slice(0, -1),
  },
  {
    name: "31 MB that end wrongly",
    refused: "request.malformed",
    make: () => `${chat("", `[{"role":"user","content":"${"x".repeat(30 * mebi)}"}]`)}x`,
  },
  { name: "20 000 stop words", make: () => chat(`"stop":[${many(20_000, '"a"')}]`) },
  {
    name: "20 000 calls of tools in a message",
    make: () =>
      chat(
        "",
        `[{"role":"assistant","tool_calls":[${many(20_000, '{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}')}]}]`,
      ),
  },
  {
    name: "4 MB of text as a tool's arguments",
    make: () =>
      chat(
        "",
        `[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"${'{\\"a\\":['.repeat(500_000)}"}}]}]`,
      ),
  },
];

/** Embeddings. */
export const worstEmbeddings: readonly WorstBody[] = [
  {
    name: "280 000 numbers of tokens",
    make: () => `{"model":"vectors","input":[${many(280, `[${many(1000, "15339")}]`)}]}`,
  },
  {
    name: "300 000 numbers of tokens in one list",
    make: () => `{"model":"vectors","input":[${many(299_990, "15339")}]}`,
  },
  { name: "2 048 texts", make: () => `{"model":"vectors","input":[${many(2048, `"${"lorem ipsum ".repeat(700)}"`)}]}` },
  {
    name: "240 000 texts",
    refused: "maxCallInputs",
    make: () => `{"model":"vectors","input":[${many(240_000, '"x"')}]}`,
  },
];

/** Calls of Anthropic's API. */
export const worstMessages: readonly WorstBody[] = [
  {
    name: "9 000 messages of blocks",
    make: () =>
      message(
        `[${many(4500, '{"role":"user","content":[{"type":"text","text":"x"}]},{"role":"assistant","content":[{"type":"text","text":"y"}]}')}]`,
      ),
  },
  {
    name: "20 000 messages",
    refused: "maxCallMessages",
    make: () => message(`[${many(20_000, '{"role":"user","content":"x"}')}]`),
  },
  {
    name: "20 000 uses of tools",
    make: () =>
      message(
        `[{"role":"user","content":"x"},{"role":"assistant","content":[${many(20_000, '{"type":"tool_use","id":"t","name":"f","input":{"a":1}}')}]}]`,
      ),
  },
  {
    name: "20 000 results of tools",
    make: () =>
      message(`[{"role":"user","content":[${many(20_000, '{"type":"tool_result","tool_use_id":"t","content":[]}')}]}]`),
  },
  {
    name: "a tool of 9 000 properties",
    make: () =>
      message(
        JSON.stringify(hi),
        `"tools":[{"name":"f","input_schema":{"type":"object","properties":{${unorderedKeys(9000, '{"type":"string"}')}}}}]`,
      ),
  },
  {
    name: "31 MB of text in blocks",
    make: () =>
      message(
        `[{"role":"user","content":[${many(300, `{"type":"text","text":"${"the quick brown fox ".repeat(5000)}"}`)}]}]`,
      ),
  },
  {
    name: "31 MB of base64 in a document",
    make: () =>
      message(
        `[{"role":"user","content":[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"${"QUJD".repeat(7.5 * mebi)}"}}]}]`,
      ),
  },
  {
    name: "4 MB of text as a tool's input",
    make: () =>
      message(
        `[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{"a":[${many(200_000, "1")}],"b":"${"x".repeat(4 * mebi)}"}}]}]`,
      ),
  },
];

/** Calls of OpenAI's newer API. */
export const worstResponses: readonly WorstBody[] = [
  { name: "9 000 items", make: () => response(`[${many(9000, '{"role":"user","content":"x"}')}]`) },
  {
    name: "20 000 items",
    refused: "maxCallMessages",
    make: () => response(`[${many(20_000, '{"role":"user","content":"x"}')}]`),
  },
  {
    name: "20 000 parts in an item",
    make: () => response(`[{"role":"user","content":[${many(20_000, '{"type":"input_text","text":"x"}')}]}]`),
  },
  { name: "31 MB of text", make: () => response(`"${"the quick brown fox ".repeat(1.5 * mebi)}"`) },
  {
    name: "31 MB of base64 in a picture",
    make: () =>
      response(
        `[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,${"QUJD".repeat(7.5 * mebi)}"}]}]`,
      ),
  },
  {
    name: "9 000 calls of functions",
    make: () =>
      response(
        `[${many(4500, '{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"x"}')}]`,
      ),
  },
];
