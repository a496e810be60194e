// Looks through the messages of a call as a server could read them, and not only as this one does. Pure.
//
// 1. Another spelling of a field that someone reads is refused: servers differ in which of the two they take.
// 2. Media by URL count wherever a server could look for them, also in a part that calls itself something else.
// 3. What is unknown is handed on to be looked into. Words, arguments of tools and what a provider said before are free.
import { isRecord } from "./json.ts";
import type { Json } from "./json.ts";
import { beginsWith, canonicalName, pointerStep } from "./names.ts";

/** What is told of what is found. */
export interface Finds {
  /** @throws `dialect.invalid` */
  twin(at: string, field: string): never;
  unknown(key: string, value: unknown, at: () => string, isOfMessage: boolean): void;
  url(url: string, at: () => string): void;
  /** A mark that keeps a prefix for longer than five minutes. */
  mark(at: string): void;
}

/** The fields of a record, and those among them that no one reads as more than data. */
interface Fields {
  readonly known: ReadonlySet<string>;
  readonly byName: ReadonlyMap<string, string>;
  readonly free: ReadonlySet<string>;
}

function fieldsOf(read: string, free: string): Fields {
  const known = `${read} ${free}`.split(" ");
  return {
    known: new Set(known),
    byName: new Map(known.map((field) => [canonicalName(field), field])),
    free: new Set(free.split(" ")),
  };
}

const ofMessages = fieldsOf(
  "role content name tool_calls tool_call_id function_call refusal reasoning reasoning_content cache_control prefix " +
    "partial weight id type audio images call_id output summary encrypted_content status phase",
  "annotations citations search_results reasoning_details thinking_blocks provider_specific_fields executed_tools parsed " +
    "logprobs arguments input metadata",
);

const ofParts = fieldsOf(
  "type text id name content url detail image_url video_url audio_url file file_id file_data file_url filename input_audio " +
    "input_image input_file image document data format source media_type title context cache_control ttl scope tool_use_id " +
    "is_error thinking signature function custom call_id tool_call_id refusal output caller toolset_name tool_name index " +
    "prompt_cache_breakpoint mode enabled summary",
  "input arguments annotations citations logprobs extra_content encrypted_content provider_specific_fields",
);

/** Fields in whose text some server looks for media. */
const mediaFields: ReadonlySet<string> = new Set(
  "url images image_url video_url audio_url file_url file_data input_audio input_image input_file image document data file".split(
    " ",
  ),
);

/** An address with a scheme, or with its reader's. */
const address = /^\s*(?:(?!data:)[a-z][a-z\d+.-]{0,63}:)?[\\/]{2}/i;

const ofTools = fieldsOf(
  "type name description strict cache_control defer_loading allowed_callers eager_input_streaming format environment " +
    "display_width_px display_height_px display_number max_characters enable_zoom display_width display_height execution",
  "function tools parameters input_schema input_examples",
);
const ofFunctions = fieldsOf("name description strict cache_control", "parameters");

/** Looks through a list of messages or items where `areMessages` says so; otherwise they are parts: blocks of a system prompt, things to embed. */
export function readContents(list: unknown, at: string, finds: Finds, areMessages: boolean): void {
  if (!Array.isArray(list)) return;
  const reader = new ContentReader(at, finds);
  for (const [i, item] of list.entries()) reader.read(item, i, areMessages ? ofMessages : ofParts);
}

/** Looks for other spellings and marks in tools; what else stands there is looked at in tools.ts. */
export function readOffers(tools: unknown, at: string, finds: Finds): void {
  if (!Array.isArray(tools)) return;
  for (const [i, tool] of tools.entries()) {
    if (!isRecord(tool)) continue;
    const place = `${at}/${i}`;
    readOffer(tool, ofTools, place, finds, false);
    if (isRecord(tool["function"])) readOffer(tool["function"], ofFunctions, `${place}/function`, finds, true);
    readOffers(tool["tools"], `${place}/tools`, finds);
  }
}

function readOffer(offer: Json, fields: Fields, at: string, finds: Finds, isClosed: boolean): void {
  for (const key in offer) {
    const value = offer[key];
    if (value === undefined || value === null) continue;
    if (key === "cache_control" && typeof value === "object" && isLong(value)) finds.mark(`${at}/cache_control`);
    if (fields.known.has(key)) continue;
    const field = fields.byName.get(canonicalName(key));
    if (field !== undefined) finds.twin(`${at}/${pointerStep(key)}`, field);
    if (isClosed) finds.unknown(key, value, () => `${at}/${pointerStep(key)}`, false);
  }
}

class ContentReader {
  readonly #finds: Finds;
  /** The steps to where it is. */
  readonly #way: (string | number)[];

  constructor(at: string, finds: Finds) {
    this.#way = [at];
    this.#finds = finds;
  }

  /** One of the list. */
  read(item: unknown, index: number, fields: Fields): void {
    if (isRecord(item)) this.#step(index, () => this.#record(item, fields));
  }

  #record(record: Json, fields: Fields): void {
    const type = record["type"];
    for (const key in record) {
      const value = record[key];
      if (value === undefined || value === null) continue;
      if (!fields.known.has(key)) this.#stray(key, value, fields);
      else if (typeof value === "object") {
        if (key === "cache_control" && isLong(value)) this.#finds.mark(this.#at(key));
        if (!fields.free.has(key)) this.#step(key, () => this.#inside(value, mediaFields.has(key)));
      } else if (typeof value === "string" && mediaFields.has(key) && beginsWith(address, value)) {
        // The words of a text may begin with an address.
        if (key !== "data" || type !== "text") this.#finds.url(value, this.#later(key));
      }
    }
  }

  #inside(value: object, isMedia: boolean): void {
    if (!Array.isArray(value)) return this.#record(value as Json, ofParts);
    for (const [i, item] of value.entries()) {
      if (typeof item === "string") {
        if (isMedia && beginsWith(address, item)) this.#finds.url(item, this.#later(String(i)));
      } else if (typeof item === "object" && item !== null && !isResult(item)) {
        this.#step(i, () => this.#inside(item as object, isMedia));
      }
    }
  }

  #stray(key: string, value: unknown, fields: Fields): void {
    const field = fields.byName.get(canonicalName(key));
    if (field !== undefined) this.#finds.twin(this.#at(key), field);
    this.#finds.unknown(key, value, this.#later(key), fields === ofMessages);
  }

  #step(step: string | number, look: () => void): void {
    this.#way.push(step);
    look();
    this.#way.pop();
  }

  #at(key: string): string {
    return `${this.#way.join("/")}/${pointerStep(key)}`;
  }

  /** Where a member stands, for use while it is looked at. */
  #later(key: string): () => string {
    return () => this.#at(key);
  }
}

/** Results of a provider's own tools: the addresses in them have been read already. */
const results: ReadonlySet<unknown> = new Set(
  "web_search web_fetch code_execution bash_code_execution text_editor_code_execution tool_search mcp"
    .split(" ")
    .map((tool) => `${tool}_tool_result`),
);

function isResult(block: object): boolean {
  return results.has((block as { readonly type?: unknown }).type);
}

/** Whether a mark asks for more than the ordinary five minutes. */
function isLong(control: object): boolean {
  const { ttl } = control as { readonly ttl?: unknown };
  return ttl !== undefined && ttl !== null && ttl !== "5m";
}

/** Looks at the mark of a whole body. */
export function readCacheControl(control: unknown, at: string, finds: Finds): void {
  if (!isRecord(control)) return;
  for (const key of Object.keys(control)) {
    const field = ofParts.known.has(key) ? undefined : ofParts.byName.get(canonicalName(key));
    if (field !== undefined) finds.twin(`${at}/${pointerStep(key)}`, field);
  }
  if (isLong(control)) finds.mark(at);
}

/** Documents outside the messages: where one of them, or a field of one, is an address, it may be fetched. */
export function readDocuments(documents: unknown, place: string, finds: Finds): void {
  const look = (value: unknown, at: string): void => {
    if (typeof value === "string") {
      if (beginsWith(address, value)) finds.url(value, () => at);
    } else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) look(inner, `${at}/${pointerStep(key)}`);
    }
  };
  look(documents, place);
}
