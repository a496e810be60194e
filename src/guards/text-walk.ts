// Walks values text by text, as far as the caller wants to go on, and afterwards copies what texts were to be replaced in.
import { below } from "../kernel/json-pointer.ts";
import { isRawNumber } from "../kernel/json-number.ts";
import { maxCallDepth } from "../kernel/limits.ts";
import { textOnly } from "./places.ts";
import type { PlaceKind, PlaceReader, Step } from "./places.ts";
import type { Steps, TimeSlice } from "./stretch.ts";

/** Shortest text that is looked at: no rule of any guard matches less. */
const shortestChars = 6;
/** Deeper values than any parser lets in; twice, because a call wraps the caller's body. */
const deepest = 2 * maxCallDepth;

/** Where the values lie that are walked, as a JSON pointer; called only when something is found. */
export type PlaceOf = (index: number, part: number) => string;

/** A list or record that is being walked. */
interface Frame {
  readonly value: object;
  /** Undefined for a list. */
  readonly keys: readonly string[] | undefined;
  /** Items of a list that were taken; of a record, keys and values in turn. */
  taken: number;
}

/** What is replaced in one list or record. */
interface Edit {
  readonly values: Map<string | number, string>;
  readonly names: Map<string, string>;
}

/** Walks every text and every key. */
export class TextWalk {
  /** The text that was come to last. */
  text = "";
  /** What it is, by where it stands. */
  kind: PlaceKind | "whole" = "text";
  readonly #frames: Frame[] = [];
  #placeOf: PlaceOf = () => "";
  #places: PlaceReader = textOnly;
  readonly #steps = (): readonly Step[] => this.steps();
  #index = 0;
  #part = 0;
  /** Lists and records with something to replace in them, however deep; undefined when it stands deeper. */
  #edits: Map<object, Edit | undefined> | undefined;

  /** Is told of every list and record that is come to, before what is in it; true when the walk is to stop there. */
  onEntering: ((value: object, keys: readonly string[] | undefined) => boolean) | undefined;
  #stops = false;

  /** Begins with a list or record; `index` and `part` are for `placeOf`. */
  enter(root: object, placeOf: PlaceOf, places: PlaceReader, index = 0, part = 0): void {
    this.#placeOf = placeOf;
    this.#places = places;
    this.#index = index;
    this.#part = part;
    this.#push(root);
  }

  /** Goes on to the next text; false when there is none. */
  next(): boolean {
    const frames = this.#frames;
    for (;;) {
      if (this.#stops) {
        this.#stops = false;
        this.text = "";
        this.kind = "whole";
        return true;
      }
      const frame = frames[frames.length - 1];
      if (frame === undefined) return false;
      const { value, keys, taken } = frame;
      if (keys === undefined) {
        const list = value as readonly unknown[];
        if (taken === list.length) {
          frames.pop();
          continue;
        }
        frame.taken++;
        if (this.#isText(this.#replaced(list)?.values.get(taken) ?? list[taken], "")) return true;
        continue;
      }
      const key = keys[taken >> 1];
      if (key === undefined) {
        frames.pop();
        continue;
      }
      frame.taken++;
      if ((taken & 1) === 1) {
        const item = this.#replaced(value)?.values.get(key) ?? (value as Readonly<Record<string, unknown>>)[key];
        if (this.#isText(item, key)) return true;
      } else if (key.length >= shortestChars) {
        this.text = this.#replaced(value)?.names.get(key) ?? key;
        this.kind = "text";
        return true;
      }
    }
  }

  /** The list or record that the walk has stopped at. */
  get whole(): { readonly value: object; readonly keys: readonly string[] | undefined } {
    return this.#frames[this.#frames.length - 1] as Frame;
  }

  /** Where the last text stands, or the record that it is a key of. */
  pointer(): string {
    let pointer = this.#placeOf(this.#index, this.#part);
    for (const { keys, taken } of this.#frames) {
      if (taken === 0) continue;
      if (keys === undefined) pointer += `/${taken - 1}`;
      else if ((taken & 1) === 0) pointer = below(pointer, keys[(taken >> 1) - 1] ?? "");
    }
    return pointer;
  }

  /** The lists and records that lead to the last text, outermost first. */
  steps(): readonly Step[] {
    return this.#frames.map(({ value, keys, taken }) => ({
      value,
      key: keys === undefined ? taken - 1 : (keys[(taken >> 1) - 1] ?? ""),
    }));
  }

  /** Replaces the last text. */
  put(text: string): void {
    const { keys, taken } = this.#frames[this.#frames.length - 1] as Frame;
    if (keys === undefined) this.putAt(taken - 1, text);
    else if ((taken & 1) === 0) this.putAt(keys[(taken >> 1) - 1] as string, text);
    else this.putName(keys[taken >> 1] as string, text);
  }

  /** Replaces a text of the list or record that was come to last. */
  putAt(key: string | number, text: string): void {
    this.#edit().values.set(key, text);
  }

  /** Replaces a key of the record that was come to last. */
  putName(key: string, text: string): void {
    this.#edit().names.set(key, text);
  }

  #edit(): Edit {
    const { value } = this.#frames[this.#frames.length - 1] as Frame;
    this.#edits ??= new Map();
    let edit = this.#edits.get(value);
    if (edit === undefined) {
      edit = { values: new Map(), names: new Map() };
      this.#edits.set(value, edit);
    }
    this.#mark(this.#edits);
    return edit;
  }

  /** What is replaced in a list or record that stands in two places and was come to before on another way. */
  #replaced(value: object): Edit | undefined {
    const edit = this.#edits?.get(value);
    if (this.#edits !== undefined && edit !== undefined) this.#mark(this.#edits);
    return edit;
  }

  /** Notes that something is to be replaced on the way to where the walk is. */
  #mark(edits: Map<object, Edit | undefined>): void {
    for (const frame of this.#frames) if (!edits.has(frame.value)) edits.set(frame.value, undefined);
  }

  /** Whether anything is to be replaced. */
  get replaces(): boolean {
    return this.#edits !== undefined;
  }

  /** The value with every text replaced that was to be, copying only what changes. */
  *rebuilt<Value>(value: Value, stretch: TimeSlice): Steps<Value> {
    if (!this.#isTouched(value)) return value;
    const copy = Array.isArray(value) ? this.#rebuiltList(value, stretch) : this.#rebuiltRecord(value, stretch);
    return (yield* copy) as Value;
  }

  *#rebuiltList(list: readonly unknown[], stretch: TimeSlice): Steps<unknown[]> {
    const values = this.#edits?.get(list)?.values;
    const copy = [...list];
    for (const [i, item] of list.entries()) {
      const text = values?.get(i);
      if (text !== undefined) copy[i] = text;
      else if (this.#isTouched(item)) copy[i] = yield* this.rebuilt(item, stretch);
      if (stretch.isOver(itemWork)) yield;
    }
    return copy;
  }

  *#rebuiltRecord(record: object, stretch: TimeSlice): Steps<object> {
    const edit = this.#edits?.get(record);
    const copy: Record<string, unknown> = {};
    const namesakes = new Map<string, number>();
    for (const [key, item] of Object.entries(record) as [string, unknown][]) {
      const value = edit?.values.get(key) ?? (this.#isTouched(item) ? yield* this.rebuilt(item, stretch) : item);
      const name = freeName(copy, edit?.names.get(key) ?? key, namesakes);
      Object.defineProperty(copy, name, { value, enumerable: true, writable: true, configurable: true });
      if (stretch.isOver(itemWork)) yield;
    }
    return copy;
  }

  #isTouched(value: unknown): value is object {
    return typeof value === "object" && value !== null && this.#edits?.has(value) === true;
  }

  #push(value: object): void {
    const keys = Array.isArray(value) ? undefined : Object.keys(value);
    this.#frames.push({ value, keys, taken: 0 });
    if (this.onEntering !== undefined) this.#stops = this.onEntering(value, keys);
  }

  /** Whether a value is a text to look at; a list or record is what is walked next. */
  #isText(value: unknown, key: string): boolean {
    if (typeof value === "string") {
      if (value.length < shortestChars) return false;
      this.text = value;
      this.kind = key === "" ? "text" : this.#places(this.#steps, key);
      return true;
    }
    const isWalked = typeof value === "object" && value !== null && !isRawNumber(value);
    if (isWalked && this.#frames.length <= deepest) this.#push(value);
    return false;
  }
}

/** What copying an item counts for, in characters looked at. */
const itemWork = 16;

/** Two keys that were redacted alike stay two keys. */
function freeName(record: object, key: string, namesakes: Map<string, number>): string {
  if (!Object.hasOwn(record, key)) return key;
  let count = namesakes.get(key) ?? 2;
  while (Object.hasOwn(record, `${key} ${count}`)) count++;
  namesakes.set(key, count + 1);
  return `${key} ${count}`;
}
