// What a reply comes down to, so that replies in other words can be compared. Pure.
import { canonicalJson } from "../../kernel/canonical-json.ts";
import type { Choice } from "../../models/index.ts";
import { textOf } from "../../models/index.ts";

/** Longest text that is compared, characters: the end of a reply holds its answer. */
const maxCompared = 20_000;

/** What a choice comes down to; a text without an answer that stands out comes down to its words. */
export function finalAnswer({ parts }: Choice): string {
  const calls = parts.flatMap((part) =>
    part.kind === "tool_call" ? [`${part.name} ${plainJson(part.arguments)}`] : [],
  );
  if (calls.length > 0) return `call ${calls.toSorted().join(" ")}`;
  const text = textOf(parts).slice(-maxCompared).trim();
  return json(text) ?? marked(text) ?? letter(text) ?? number(text) ?? `words ${words(text).join(" ")}`;
}

/** The words of a text in lower case, without what only dresses them. */
export function words(text: string): readonly string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

function json(text: string): string | undefined {
  const body = /^```(?:json)?\n([^`]*)\n```$/.exec(text)?.[1] ?? text;
  return /^[[{]/.test(body) ? `json ${plainJson(body)}` : undefined;
}

function plainJson(text: string): string {
  try {
    return canonicalJson(JSON.parse(text));
  } catch {
    return text;
  }
}

const boxedAnswers = [/\\boxed\{([^\n{}]{1,200})\}/g];
const saidAnswers = [/####\s*([^\n]{1,200})/g, /\banswer(?: is)?\s*[:=]?\s*\**([^\n*}]{1,200})/gi];

/** An answer that the model marked: `#### 42`, `\boxed{42}`, `the answer is 42`. The last one holds. */
function marked(text: string): string | undefined {
  const found = (/\\boxed\{/.test(text) ? boxedAnswers : saidAnswers)
    .map((pattern) => [...text.matchAll(pattern)].at(-1)?.[1])
    .find((each) => each !== undefined);
  if (found === undefined) return undefined;
  const plain = words(found).join(" ");
  return plain === "" ? undefined : `answer ${plain}`;
}

/** A choice by letter: `B`, `(B)`, `B) because ...`. */
function letter(text: string): string | undefined {
  const found = /^\(?([A-J])(?:[).:,]|\s|$)/.exec(text)?.[1];
  // A sentence may begin with the word "A" or the word "I".
  return found === undefined || /^[AI]\s+[a-z]/.test(text) ? undefined : `answer ${found.toLowerCase()}`;
}

/** The last number of a short text. */
function number(text: string): string | undefined {
  if (text.length > shortText) return undefined;
  const found = text.match(/-?\d[\d,]*(?:\.\d+)?/g)?.at(-1);
  return found === undefined ? undefined : `answer ${found.replaceAll(",", "").replace(/\.0+$/, "")}`;
}

/** A text up to here is an answer and little else, characters. */
const shortText = 200;
