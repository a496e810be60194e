// Reads the list of sub-questions that a model was asked for. It is data from then on, so it has the form that was asked
// for or it is refused; nothing in it is repaired, shortened or taken out.
import { outputFault, parseData, schemaCompiler } from "../structured-output/index.ts";

/** Most parts of one question. With two, the deepest tree is answered in ten calls. */
export const maxParts = 2;
/** Longest sub-question, characters. Chosen: a part is simpler than its question. */
export const maxPartLength = 1000;

const list = {
  type: "object",
  required: ["parts"],
  additionalProperties: false,
  properties: {
    parts: {
      type: "array",
      maxItems: maxParts,
      items: { type: "string", minLength: 1, maxLength: maxPartLength },
    },
  },
};

/** Reads a list: the parts of a question, none to two. @throws `output.refused` for anything else. */
export type SubQuestionReader = (text: string) => readonly string[];

/** A reader with its schema compiled. Every part is plain text: words for a model, put nowhere else. */
export function subQuestionReader(): SubQuestionReader {
  const check = schemaCompiler().compile(list);
  return (text) => {
    const parsed = parseData(text, check, {});
    if (parsed.valid) return (parsed.value as { readonly parts: readonly string[] }).parts;
    const [first] = parsed.refusals;
    throw outputFault("output.refused", `the list of sub-questions ${first?.reason ?? "is refused"}`, {
      at: first?.at ?? "",
    });
  };
}
