// Whether a reply has the form that its caller asked for. Promises:
//
// 1. `invalid` is said only of what certainly breaks the form. What cannot be held to it is `unchecked`: a schema with
//    keywords that are not supported, a text beyond the bounds of the reader, a reply that refuses or calls a tool.
// 2. A reply is looked at and never changed.
import { Fault } from "../kernel/fault.ts";
import type { Deployment, ReplyForm, StreamEvent, Reply } from "../models/index.ts";
import { gatewayFault } from "./errors.ts";
import { maxDataChars } from "../structured-output/index.ts";
import type { FormChecker, Refusal } from "../structured-output/index.ts";

/** What is said of a reply's form. */
export type FormVerdict = "valid" | "invalid" | "unchecked";

/** A verdict with what is wrong, where something is. */
export interface FormJudgement {
  readonly verdict: FormVerdict;
  readonly refusal?: Refusal;
}

/** The text that a choice says as its whole reply; undefined for one that says something else or too much. */
type ReplyText = string | undefined;

/** Judges a whole reply; undefined where no form was asked for. */
export function judgeReply(
  forms: Pick<FormChecker, "check">,
  form: ReplyForm,
  { choices }: Pick<Reply, "choices">,
): FormJudgement | undefined {
  if (form.kind === "text") return undefined;
  const texts = choices.map(({ parts }): ReplyText => {
    if (parts.some(({ kind }) => kind === "tool_call" || kind === "refusal")) return undefined;
    return parts.map((part) => (part.kind === "text" ? part.text : "")).join("");
  });
  return judged(forms, form, texts);
}

/** Tells what breaks the form and nothing of the reply: no guard may have looked at it. */
export function misfitFault({ name }: Deployment, { refusal }: FormJudgement): Fault {
  return gatewayFault("reply.invalid", `the reply of ${name} ${refusal?.reason ?? "has not the form asked for"}`, {
    remedy: "ask for a form that the model can keep, name a stronger model, or send `X-Charter-Schema: report`",
  });
}

/** Gathers the texts of a stream to be judged at its end. */
export class StreamedForm {
  readonly #forms: Pick<FormChecker, "check">;
  readonly #form: ReplyForm;
  readonly #texts = new Map<number, ReplyText>();

  constructor(forms: Pick<FormChecker, "check">, form: ReplyForm) {
    this.#forms = forms;
    this.#form = form;
  }

  /** Takes note of a piece that goes out. */
  note(piece: StreamEvent): void {
    if (piece.kind === "tool_start" || piece.kind === "refusal") this.#texts.set(piece.choice, undefined);
    if (piece.kind === "finish" && !this.#texts.has(piece.choice)) this.#texts.set(piece.choice, "");
    if (piece.kind !== "text") return;
    const before = this.#texts.has(piece.choice) ? this.#texts.get(piece.choice) : "";
    const fits = before !== undefined && before.length + piece.text.length <= maxDataChars;
    this.#texts.set(piece.choice, fits ? before + piece.text : undefined);
  }

  /** Judges what was said. */
  judge(): FormJudgement {
    return judged(this.#forms, this.#form, [...this.#texts.values()]);
  }
}

/** One choice that breaks the form breaks the reply; one that cannot be judged leaves it unjudged. */
function judged(forms: Pick<FormChecker, "check">, form: ReplyForm, texts: readonly ReplyText[]): FormJudgement {
  const each = texts.map((text) =>
    text === undefined ? { verdict: "unchecked" as const } : ofText(forms, form, text),
  );
  const worst =
    each.find(({ verdict }) => verdict === "invalid") ?? each.find(({ verdict }) => verdict === "unchecked");
  return worst ?? { verdict: each.length === 0 ? "unchecked" : "valid" };
}

function ofText(forms: Pick<FormChecker, "check">, form: ReplyForm, text: string): FormJudgement {
  try {
    const checked = forms.check(text, form);
    if (checked.valid) return { verdict: "valid" };
    const [refusal] = checked.refusals;
    if (refusal === undefined || !breaksForm(refusal)) return { verdict: "unchecked" };
    return { verdict: "invalid", refusal };
  } catch (error) {
    if (error instanceof Fault && error.code === "schema.refused") return { verdict: "unchecked" };
    throw error;
  }
}

/** Whether any reader would say so; the others are bounds of this server's own reader, which is stricter than JSON. */
function breaksForm({ rule }: Refusal): boolean {
  return rule === "not_json" || rule === "not_object" || rule.startsWith("schema.");
}
