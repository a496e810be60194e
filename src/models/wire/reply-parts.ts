// How much of a reply its readers go through one by one, in one go. Probabilities of tokens are many and are not among it.
import { modelFault } from "../errors.ts";
import { maxReplyParts } from "../../kernel/limits.ts";
import { ReportedFault } from "./faults.ts";
import type { UpstreamDialect } from "../conversation.ts";

/** A dialect that reads no reply of too many parts, and knows an error in the place of a reply. */
export function withBoundedReplies(dialect: UpstreamDialect): UpstreamDialect {
  return {
    ...dialect,
    readReply(body) {
      assertParts(body);
      try {
        return dialect.readReply(body);
      } catch (error) {
        // What is no reply may be an error that came with a good status.
        const words = error instanceof ReportedFault ? undefined : dialect.readError(body);
        throw words?.message === undefined ? error : new ReportedFault(words);
      }
    },
  };
}

/** Names under which the APIs give the probabilities of tokens. */
const probabilities: ReadonlySet<string> = new Set(["logprobs", "logprobsResult"]);

/** @throws `upstream.garbled` with the limit. */
function assertParts(body: unknown): void {
  const open: object[] = [];
  let left = maxReplyParts;
  const see = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    if (--left < 0) throw tooMany();
    open.push(value);
  };
  see(body);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (Array.isArray(next)) {
      for (const item of next as unknown[]) if (typeof item === "object") see(item);
    } else {
      const record = next as Readonly<Record<string, unknown>>;
      for (const key of Object.keys(record)) if (!probabilities.has(key)) see(record[key]);
    }
  }
}

function tooMany(): Error {
  return modelFault("upstream.garbled", `the provider's answer holds more than ${maxReplyParts} parts`, {
    limit: "maxReplyParts",
  });
}
