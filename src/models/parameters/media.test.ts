// Media that do not come with the call.
import { describe, expect, it } from "vitest";
import { frontDialects } from "../dialects.ts";
import type { ModelCall } from "../conversation.ts";
import { mediaUses } from "./media.ts";
import type { Use } from "./use.ts";

const effectsOf = (url: string): unknown => {
  const content = [{ type: "image_url", image_url: { url } }];
  const call = frontDialects["openai-chat"]!.readCall({ model: "m", messages: [{ role: "user", content }] });
  return usesOf(call).map(({ effects }) => effects);
};

function usesOf(call: ModelCall): readonly Use[] {
  const uses: Use[] = [];
  mediaUses(call, (use) => uses.push(use));
  return uses;
}

describe("an image by URL", () => {
  it.each([
    "https://elsewhere.test/a.png",
    "http://93.184.216.34/",
    "https://[2606:2800:220:1::1]/",
    "//elsewhere.test/a.png",
  ])("is fetched: %s", (url) => {
    expect(effectsOf(url)).toEqual([["fetch"]]);
  });

  it.each([
    "http://localhost/",
    "http://metadata/",
    "http://metadata.google.internal./",
    "http://127.1/",
    "http://0x7f000001/",
    "http://2130706433/",
    "http://10.1.2.3/",
    "http://172.31.0.1/",
    "http://192.168.0.1/",
    "http://169.254.169.254/",
    "http://100.100.100.200/",
    "http://[::1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[fd00::1]/",
    "file:///etc/passwd",
    "FILE:/etc/passwd",
    "gopher://elsewhere.test/",
  ])("reaches into a network: %s", (url) => {
    expect(effectsOf(url)).toEqual([["fetch", "reach"]]);
  });

  it("that brings its bytes along asks for nothing", () => {
    expect(effectsOf("data:image/png;base64,AAAA")).toEqual([]);
  });
});

describe("bytes that are a URL", () => {
  it("are one, since some servers take it", () => {
    const content = [
      { type: "file", file: { file_data: "https://elsewhere.test/a.pdf" } },
      { type: "input_audio", input_audio: { data: "http://10.0.0.1/a.wav", format: "wav" } },
      { type: "file", file: { file_data: "JVBERi0xLjQK" } },
    ];
    const call = frontDialects["openai-chat"]!.readCall({ model: "m", messages: [{ role: "user", content }] });
    expect(usesOf(call).map(({ name, effects }) => [name, effects])).toEqual([
      ["file by URL", ["fetch"]],
      ["audio by URL", ["fetch", "reach"]],
    ]);
  });
});

describe("a part that only its provider can read", () => {
  const usesIn = (part: object, role = "user") => {
    const messages = [{ role, content: [part] }];
    return usesOf(frontDialects["anthropic-messages"]!.readCall({ model: "m", max_tokens: 1, messages })).map(
      ({ effects }) => effects,
    );
  };

  it.each([
    { type: "image_v2", source: "http://169.254.169.254/latest" },
    { type: "image_v2", input: { image_url: "http://169.254.169.254/latest" } },
    { type: "mcp_tool_result", content: [{ type: "image", source: { url: "http://169.254.169.254/" } }] },
    { type: "image_v2", content: ["file:/etc/passwd"] },
  ])("may have any address in it read: %j", (part) => {
    expect(usesIn(part)).toEqual([["fetch", "reach"]]);
  });

  it.each([
    { type: "input_file", file_id: "f1" },
    { type: "file_v2", file: { fileId: "f1" } },
    { type: "image", source: { type: "file", file_id: "f1" } },
  ])("may name what is kept: %j", (part) => {
    expect(usesIn(part)).toContainEqual(["retention"]);
  });

  it("asks for nothing by its words, or by what the provider's own tools have found", () => {
    expect(usesIn({ type: "note", text: "Note: see the file: it says https://elsewhere.test/" })).toEqual([]);
    const found = { type: "web_search_tool_result", content: [{ type: "web_search_result", url: "https://a.test/" }] };
    expect(usesIn(found, "assistant")).toEqual([]);
  });
});
