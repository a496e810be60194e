// Tools under names that every provider takes. A caller may offer functions in namespaces, under long names, and tools that take
// free text; the neutral form knows functions with one name of at most 64 characters and arguments in JSON. This stands between
// a caller's API and the neutral form, so that no provider's API has to know of the difference:
//
// 1. A name in a namespace, a long one and one with other characters is told as a name that fits, the same in every call.
// 2. A tool of free text is told as a function with one argument `input`; one with a form of its own is one already.
// 3. What the model calls comes back as the caller offered it.
import { createHash } from "node:crypto";
import type {
  CallerTool,
  Choice,
  FrontDialect,
  ModelCall,
  Part,
  Reply,
  StreamEvent,
  StreamWriter,
  ToolOffer,
  Turn,
} from "../conversation.ts";
import { hasPart } from "../call-facts.ts";
import { FreeInput, freeInputOf } from "./free-input.ts";

/** The longest name of a function that every provider takes, characters. */
const maxName = 64;
const fitting = /^[\w-]{1,64}$/;

/** A caller's API whose calls hold tools as every provider takes them. */
export function withCallerTools(front: FrontDialect): FrontDialect {
  return {
    ...front,
    readCall: (body) => neutral(front.readCall(body)),
    writeReply: (call, reply, stamp) => front.writeReply(call, callers(call, reply), stamp),
    streamWriter: (call, stamp) => {
      const writer = front.streamWriter(call, stamp);
      return call.callerTools === undefined ? writer : new CallerToolWriter(writer, call.callerTools);
    },
  };
}

function neutral(call: ModelCall): ModelCall {
  if (call.tools.length === 0 && typeof call.toolChoice !== "object" && !hasPart(call, "tool_call")) return call;
  const names = new Names();
  const tools = call.tools.map((offer) => names.offer(offer));
  const turns = call.turns.map((turn) => names.turn(turn));
  const { toolChoice } = call;
  const choice = typeof toolChoice === "object" ? { name: names.of(toolChoice) } : toolChoice;
  return {
    ...call,
    tools,
    turns,
    ...(choice === undefined ? {} : { toolChoice: choice }),
    ...(names.callers.size === 0 ? {} : { callerTools: names.callers }),
  };
}

/** The names of one call. */
class Names {
  /** What the caller calls the tools that are told under another name or in another form. */
  readonly callers = new Map<string, CallerTool>();
  readonly #told = new Map<string, string>();
  readonly #taken = new Set<string>();

  /** The name under which a tool is told. */
  of(tool: CallerTool): string {
    return this.#told.get(keyOf(tool)) ?? nameOf(tool);
  }

  offer({ namespace, isFree, form, ...offer }: ToolOffer): ToolOffer {
    const tool: CallerTool = {
      name: offer.name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(isFree === undefined ? {} : { isFree }),
      ...(form === undefined ? {} : { form }),
    };
    let name = nameOf(tool);
    if (this.#taken.has(name) && !this.#told.has(keyOf(tool))) name = shortened(keyOf(tool));
    this.#taken.add(name);
    this.#told.set(keyOf(tool), name);
    if (name === offer.name && isFree !== true && form === undefined) return offer;
    this.callers.set(name, tool);
    return { ...offer, name };
  }

  turn(turn: Turn): Turn {
    if (!turn.parts.some(({ kind }) => kind === "tool_call")) return turn;
    return { ...turn, parts: turn.parts.map((part) => this.#part(part)) };
  }

  #part(part: Part): Part {
    if (part.kind !== "tool_call") return part;
    const { kind, id, isFree } = part;
    const words = isFree === true ? JSON.stringify({ input: part.arguments }) : part.arguments;
    return { kind, id, name: this.of(part), arguments: words };
  }
}

function keyOf({ namespace = "", name, form }: CallerTool): string {
  return form === undefined ? `${namespace}\n${name}` : `${namespace}\n${name}\n${form}`;
}

function nameOf({ namespace, name }: CallerTool): string {
  const whole = namespace === undefined ? name : namespace.endsWith("__") ? namespace + name : `${namespace}__${name}`;
  return fitting.test(whole) ? whole : shortened(whole);
}

/** A name that fits and that no other one is shortened to. */
function shortened(name: string): string {
  const mark = createHash("sha256").update(name).digest("hex").slice(0, 8);
  return `${name.replaceAll(/[^\w-]/g, "_").slice(0, maxName - mark.length - 1)}_${mark}`;
}

function callers({ callerTools }: ModelCall, reply: Reply): Reply {
  if (callerTools === undefined) return reply;
  const part = (each: Part): Part => {
    // A provider of the caller's own API says itself that it is free text, and in which namespace.
    if (each.kind !== "tool_call" || each.isFree === true) return each;
    const tool = callerTools.get(each.name);
    if (tool === undefined) return each;
    return { ...each, ...tool, ...(tool.isFree === true && { arguments: freeInputOf(each.arguments) }) };
  };
  const choices = reply.choices.map((choice): Choice => ({ ...choice, parts: choice.parts.map(part) }));
  return { ...reply, choices };
}

/** Writes a stream in which tools are called as their caller offered them. */
class CallerToolWriter implements StreamWriter {
  readonly #writer: StreamWriter;
  readonly #tools: ReadonlyMap<string, CallerTool>;
  /** The calls of tools of free text that are still being said. */
  readonly #inputs = new Map<string, { readonly choice: number; readonly slot: number; readonly input: FreeInput }>();

  constructor(writer: StreamWriter, tools: ReadonlyMap<string, CallerTool>) {
    this.#writer = writer;
    this.#tools = tools;
  }

  write(event: StreamEvent): string {
    switch (event.kind) {
      case "tool_start": {
        // A provider of the caller's own API says itself that it is free text, and in which namespace.
        const tool = event.isFree === true ? undefined : this.#tools.get(event.name);
        const { choice, slot } = event;
        if (tool?.isFree === true) this.#inputs.set(`${choice} ${slot}`, { choice, slot, input: new FreeInput() });
        return this.#writer.write({ ...event, ...tool });
      }
      case "tool_arguments": {
        const said = this.#inputs.get(`${event.choice} ${event.slot}`);
        if (said === undefined) return this.#writer.write(event);
        const text = said.input.push(event.text);
        return text === "" ? "" : this.#writer.write({ ...event, text });
      }
      case "finish":
      case "end":
        return this.#rest() + this.#writer.write(event);
      default:
        return this.#writer.write(event);
    }
  }

  fail(error: { readonly code: string; readonly message: string }): string {
    return this.#writer.fail(error);
  }

  #rest(): string {
    let frames = "";
    for (const { choice, slot, input } of this.#inputs.values()) {
      const text = input.end();
      if (text !== "") frames += this.#writer.write({ kind: "tool_arguments", choice, slot, text });
    }
    this.#inputs.clear();
    return frames;
  }
}
