// Which ordinary parameters are looked into, and what in them is a schema, and so free.
import { namesIn } from "./names.ts";

/** Fields of a JSON Schema whose members are names of what a reply holds. */
export const schemaFields: ReadonlySet<string> = new Set(["properties", "patternProperties", "$defs", "definitions"]);

/** The same, where a schema itself has a field. */
export const ofSettings: ReadonlySet<string> = new Set([...schemaFields, "schema", "json_schema", "parameters"]);

/** Ordinary parameters that are objects of settings. */
export const settingsNames: ReadonlySet<string> = new Set(
  namesIn(
    "functions reasoning thinking stream_options chat_template_kwargs usage think cache_control prompt_cache_options tool_choice " +
      "response_format text output_config output_format context_management compaction citation_options structured_outputs",
  ),
);
