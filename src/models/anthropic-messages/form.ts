// The form of a reply in the Messages API. A schema that structured outputs can promise is asked for natively. Everything
// else, plain JSON and schemas with rules that structured outputs refuse, becomes a tool that the model has to call and whose
// input is the reply: the readers of this dialect turn a call of this tool back into text, so no caller ever sees it.
import type { ModelCall } from "../conversation.ts";
import { unsupported } from "../wire/faults.ts";
import type { JsonObject } from "../wire/fields.ts";
import { isObject } from "../wire/fields.ts";
import { promisesSchemas } from "./model.ts";
import { everySchema } from "../wire/schema-walk.ts";

/** The name of the tool whose input is the reply. */
export const replyTool = "charter_reply";

/** How a form is asked for. */
export type WrittenForm =
  | { readonly kind: "plain" }
  | { readonly kind: "native"; readonly format: JsonObject }
  | { readonly kind: "tool"; readonly tool: JsonObject };

/** What structured outputs know (Anthropic's page "Structured outputs", section "JSON Schema limitations"). */
const promised = new Set([
  ..."type enum const anyOf allOf $ref $defs definitions properties required additionalProperties items".split(" "),
  ..."title description default format minItems".split(" "),
]);

const promisedFormats = new Set<unknown>("date-time time date duration email hostname uri ipv4 ipv6 uuid".split(" "));

/** Whether structured outputs promise every rule of a schema. A definition that refers to others may be recursive. */
export function isPromised(schema: object): boolean {
  return everySchema(schema, (one, defined) => {
    for (const key of Object.keys(one)) if (!promised.has(key)) return false;
    if (one["$ref"] !== undefined && (defined || one["$ref"] === "#")) return false;
    if (one["format"] !== undefined && !promisedFormats.has(one["format"])) return false;
    if (one["minItems"] !== undefined && one["minItems"] !== 0 && one["minItems"] !== 1) return false;
    const isOfObjects = one["type"] === "object" || isObject(one["properties"]);
    return !isOfObjects || one["additionalProperties"] === false;
  });
}

/** How the call's form is said to a model. @throws `dialect.unsupported` for a schema of something that is not an object. */
export function writeForm(call: ModelCall, model: string): WrittenForm {
  const { form } = call;
  if (form.kind === "text") return { kind: "plain" };
  if (form.kind === "json") return { kind: "tool", tool: tool({ type: "object" }) };
  if (promisesSchemas(model) && isPromised(form.schema)) {
    return { kind: "native", format: { type: "json_schema", schema: form.schema } };
  }
  if ((form.schema as JsonObject)["type"] !== "object") {
    throw unsupported("the form of the reply must be a schema of type object for this model");
  }
  return { kind: "tool", tool: tool(form.schema) };
}

function tool(schema: object): JsonObject {
  return {
    name: replyTool,
    description: "Gives the reply. Its input is the whole reply to the user, in the form that the user asked for.",
    input_schema: schema,
  };
}
