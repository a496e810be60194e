// Items of a history that only OpenAI's own servers can read: they are left out elsewhere, and never make a conversation unusable.
import { describe, expect, it } from "vitest";
import { frontDialects, upstreamDialects } from "../dialects.ts";

const user = { type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] };
const target = { model: "m", defaultMaxOutputTokens: 100 };

const items: readonly object[] = [
  { type: "shell_call", call_id: "c", action: { commands: ["ls"] }, environment: { type: "container_reference" } },
  { type: "apply_patch_call", call_id: "c" },
  { type: "local_shell_call_output", call_id: "c", output: "a" },
  { type: "shell_call_output", call_id: "c", output: [{ stdout: "a" }] },
  { type: "tool_search_output", call_id: "c", tools: [] },
  { type: "web_search_call", id: "ws_1", status: "completed" },
  { type: "item_reference", id: "msg_elsewhere" },
  { type: "compaction", encrypted_content: "gAAAA" },
  { type: "mcp_list_tools", id: "m", server_label: "s", tools: [] },
  { type: "image_generation_call", id: "ig", result: "aGk=" },
  { type: "reasoning", id: "rs_1", summary: [], encrypted_content: null },
  { type: "an_item_of_next_year" },
];

describe("an item that only its own API can read", () => {
  it.each(items)("leaves the rest of the history to other APIs: %j", (item) => {
    for (const name of ["openai-chat", "anthropic-messages", "gemini"] as const) {
      const call = frontDialects["openai-responses"]!.readCall({ model: "m", input: [user, item, user] });
      const { body, dropped } = upstreamDialects[name]!.writeCall(call, target);
      const said = JSON.stringify(body["messages"] ?? body["contents"]);
      expect(said.match(/"hi"/g)).toHaveLength(2);
      // A message without words is refused by many servers.
      expect(said).not.toContain('"assistant"');
      if ((item as { type: string }).type !== "reasoning") expect(dropped).toContain("/input/1");
    }
  });
});
