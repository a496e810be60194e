// A scripted provider of chat completions: thinks, asks once for a tool that it knows, then says what it saw. It writes to standard
// output what was asked, one line of JSON a call.
import { createServer } from "node:http";

const answer = "It is a red pixel.";
const thought = "It is small and red.";

/** What each agent's tool is called with. */
const argumentsOf = {
  // OpenCode's.
  bash: () => ({ command: "echo hello > opened.txt", description: "Makes a file" }),
  Read: () => ({ file_path: process.env.PICTURE }),
  weather: () => ({ city: "Rome" }),
  shell: () => ({ command: ["bash", "-lc", "echo hello > made.txt"] }),
  exec_command: () => ({ cmd: "echo hello > made.txt" }),
  shell_command: () => ({ command: "echo hello > made.txt" }),
};

const server = createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const body = JSON.parse(Buffer.concat(parts).toString() || "{}");
    const messages = body.messages ?? [];
    const text = JSON.stringify(messages);
    const sees = text.includes("image_url");
    const reads = text.includes("data:application/pdf;base64,");
    console.log(JSON.stringify({ path: request.url, model: body.model, turns: messages.length, sees, reads }));
    const name = (body.tools ?? []).map((tool) => tool.function?.name).find((each) => each in argumentsOf);
    const isAsked =
      name !== undefined && messages.at(-1)?.role !== "tool" && !messages.some(({ role }) => role === "tool");
    const call = {
      id: "call_1",
      type: "function",
      function: { name, arguments: JSON.stringify(argumentsOf[name]?.()) },
    };
    reply(response, body, isAsked ? call : undefined);
  });
});

function reply(response, { model, stream, stream_options: options }, call) {
  const usage = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 };
  const head = { id: "chatcmpl-1", created: 1, model };
  const finish = call === undefined ? "stop" : "tool_calls";
  if (stream !== true) {
    const said =
      call === undefined ? { content: answer, reasoning_content: thought } : { content: null, tool_calls: [call] };
    const choices = [{ index: 0, message: { role: "assistant", ...said }, finish_reason: finish }];
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ ...head, object: "chat.completion", choices, usage }));
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  const send = (choices, more = {}) =>
    response.write(`data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", choices, ...more })}\n\n`);
  const delta = (delta, finish_reason = null) => send([{ index: 0, delta, finish_reason }]);
  delta({ role: "assistant", content: "" });
  if (call === undefined) for (const word of thought.match(/\S+\s*/g)) delta({ reasoning_content: word });
  if (call === undefined) for (const word of answer.match(/\S+\s*/g)) delta({ content: word });
  else {
    delta({ tool_calls: [{ index: 0, ...call, function: { ...call.function, arguments: "" } }] });
    for (const text of call.function.arguments.match(/.{1,9}/g))
      delta({ tool_calls: [{ index: 0, function: { arguments: text } }] });
  }
  delta({}, finish);
  if (options?.include_usage === true) send([], { usage });
  response.end("data: [DONE]\n\n");
}

server.listen(Number(process.env.PROVIDER_PORT), "127.0.0.1");
