// A call in the neutral form that asks for nothing in particular.
import type { ModelCall } from "../../../src/models/conversation.ts";

/** A call as a dialect reads it that says no more than it must; `fields` are what it says besides. */
export function plainCall(fields: Partial<ModelCall> = {}): ModelCall {
  return {
    dialect: "openai-chat",
    raw: {},
    model: "auto",
    turns: [],
    tools: [],
    form: { kind: "text" },
    stop: [],
    choices: 1,
    stream: false,
    wantsUsage: false,
    ...fields,
  };
}
