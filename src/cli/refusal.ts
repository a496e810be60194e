// What a server said when it said no, and how that is put to a person.
import { fieldList, fieldNumber, fieldText } from "./record.ts";
import type { JsonRecord } from "./record.ts";
import { printable } from "./io.ts";

/** An answer with a status of 400 or more. */
export class RefusalError extends Error {
  override readonly name = "RefusalError";
  readonly status: number;
  /** The RFC 9457 problem document, or a stand-in made from the status where the answer held none. */
  readonly problem: JsonRecord;
  /** The server's Retry-After, seconds; undefined where it gave none. */
  readonly retryAfterSeconds: number | undefined;

  constructor(status: number, problem: JsonRecord, retryAfterSeconds?: number) {
    super(fieldText(problem, "detail") ?? fieldText(problem, "title") ?? `status ${status}`);
    this.status = status;
    this.problem = problem;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** No answer at all: the server is not there, or the connection broke. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
  /** The system's code, e.g. ECONNREFUSED. */
  readonly code: string;

  constructor(url: string, code: string, cause: unknown) {
    super(`no answer from ${url} (${code})`, { cause });
    this.code = code;
  }
}

/** An answer of something that is not a Charter: every answer of one names the constitution in force. */
export class ForeignServerError extends Error {
  override readonly name = "ForeignServerError";

  constructor(url: string, status: number) {
    super(`${url} answers (${status}), but it is not a Charter: no X-Constitution-Hash`);
  }
}

/** A refusal in a few readable lines: what, why, what would help, and the numbers to quote. */
export function refusalLines({ status, problem }: RefusalError): string[] {
  const title = fieldText(problem, "title") ?? "refused";
  const code = fieldText(problem, "code");
  const lines = [`refused (${status}): ${title}${code === undefined ? "" : ` [${code}]`}`];
  const add = (label: string, text: string | undefined): void => {
    if (text !== undefined && text !== "") lines.push(`  ${`${label}:`.padEnd(13)} ${text}`);
  };
  const detail = fieldText(problem, "detail");
  if (detail !== title) add("why", detail);
  add("at", fieldText(problem, "at"));
  add("articles", fieldList(problem, "articles").map(String).join(", "));
  add("policies", fieldList(problem, "policies").map(String).join(", "));
  add("limit", fieldText(problem, "limit"));
  for (const finding of fieldList(problem, "findings")) {
    add(
      "finding",
      `${fieldText(finding, "threat")} ${fieldText(finding, "severity")}: ${fieldText(finding, "detail")}`,
    );
  }
  add("what helps", fieldText(problem, "remedy"));
  const intent = fieldNumber(problem, "intent_index");
  add("ledger", intent === undefined ? undefined : `entry ${intent}`);
  add("request", fieldText(problem, "request_id"));
  add("constitution", fieldText(problem, "constitution_hash"));
  return lines.map(printable);
}
