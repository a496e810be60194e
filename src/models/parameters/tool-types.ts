// Tools by who runs them, as data. What the caller runs is the caller's; what the provider runs reaches further than the
// model's words. A type that is not here is taken for one that the provider runs.
import type { ParameterEffect } from "../../constitution/index.ts";
import { namesIn } from "./names.ts";

/** What offering a tool allows the provider to do. */
export interface ServerTool {
  readonly effects: readonly ParameterEffect[];
}

/** Types that the caller runs, without dates. */
export const callerTools: ReadonlySet<string> = new Set(
  namesIn(
    "function custom bash text_editor str_replace_editor str_replace_based_edit_tool computer computer_use " +
      "computer_use_preview computer_toolset memory local_shell apply_patch tool_search tool_search_tool_bm25 " +
      "tool_search_tool_regex",
  ),
);

const rows: readonly (readonly [names: string, tool: ServerTool])[] = [
  [
    "web_search web_search_preview openrouter_web_search browser_search live_search x_search",
    { effects: ["tools", "price"] },
  ],
  ["google_search google_search_retrieval google_maps", { effects: ["tools", "price"] }],
  ["web_fetch url_context visit_website", { effects: ["tools", "fetch", "price"] }],
  ["code_execution code_interpreter programmatic_tool_calling", { effects: ["tools", "price"] }],
  ["file_search collections_search", { effects: ["tools", "price", "retention"] }],
  ["image_generation", { effects: ["tools", "price"] }],
  ["mcp mcp_toolset mcp_servers connector", { effects: ["tools", "reach", "price"] }],
  ["advisor", { effects: ["model", "tools", "price"] }],
];

/** Types that the provider runs and that are known, without dates. */
export const serverTools: ReadonlyMap<string, ServerTool> = new Map(
  rows.flatMap(([names, tool]) => namesIn(names).map((name) => [name, tool] as const)),
);

/** What is assumed of a type that is not known. */
export const unknownTool: ServerTool = { effects: ["tools", "price"] };

/** Fields of a tool that the caller runs, which say nothing of where it runs. */
export const callerToolFields: ReadonlySet<string> = new Set(
  namesIn(
    "type name description function parameters strict input_schema cache_control defer_loading allowed_callers " +
      "eager_input_streaming input_examples format display_width_px display_height_px display_number max_characters " +
      "enable_zoom environment display_width display_height execution tools",
  ),
);

/** Fields that most tools have, as the APIs spell them. */
export const plainFields: ReadonlySet<string> = new Set(
  "type name description function parameters strict input_schema cache_control format".split(" "),
);
