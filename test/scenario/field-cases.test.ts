// The cases of the field: inputs that people who run gateways reported in public, each played by a script of its own against a
// Charter of its own (scripts/cases/run-cases.ts). They lie outside the checkout and are skipped where they are not there.
import { describe, expect, it } from "vitest";
import { caseNames, casesFolder, runCase } from "../../scripts/cases/run-cases.ts";

/**
 * Cases that fail today, each with the reason. The list only shrinks: a case that stands here and passes fails the test, and so
 * does a name that is no case.
 */
const knownToFail: Readonly<Record<string, string>> = {
  "01-codex-request": "tools that are no functions, and client_metadata, are refused over /v1/responses",
  "02-responses-upstream": "no provider is asked over its own /v1/responses",
  "03-item-reference": "stored items and previous_response_id are refused",
  "04-embeddings-base64": "vectors that a provider gives as numbers are not written in base64",
  "05-count-tokens": "there is no /v1/messages/count_tokens",
  "07-tool-result-image": "images in the result of a tool are refused for chat upstreams",
  "08-reasoning-content-dropped": "thinking does not go back as reasoning_content",
  "10-big-integers": "integers beyond 2^53 are rounded or refused",
  "12-tool-deltas-interleaved": "tool calls whose arguments take turns break the stream",
  "15-retries-of-accepted": "calls that a provider has accepted are tried again",
  "16-mislabelled-sse": "streams under another content type are not read",
  "17-gzip-upstream": "compressed answers are refused",
  "19-gemini-image": "pictures that Gemini makes are refused",
  "20-error-code-status": "a provider's status and code are flattened",
  "24-stream-options": "servers that do not know stream_options cannot stream",
  "26-gemini-parallel-false": "parallel_tool_calls: false is refused for Gemini",
  "27-image-detail-original": "the detail `original` is refused",
  "28-unknown-words-same-dialect": "what Charter does not know is refused for upstreams of the same API",
  "29-optional-parameters": "wishes that a provider cannot fulfil are refused",
  "31-service-tier-price": "prices do not follow the tier of service",
  "32-same-named-fields-dropped": "fields of the same name vanish between APIs",
  "37-limits-of-json": "limits on JSON and on budgets are narrower than the providers'",
  "39-missing-endpoints": "endpoints of the APIs are missing",
};

const names = caseNames();
const isThere = names.length > 0;
const why = isThere ? "" : ` (skipped: there is no folder ${casesFolder})`;

describe.skipIf(!isThere)(`the cases of the field${why}`, () => {
  it("are all there that are known to fail", () => {
    expect(Object.keys(knownToFail).filter((name) => !names.includes(name))).toEqual([]);
  });

  for (const name of names) {
    if (name in knownToFail) {
      it(`${name} still fails, or is taken off the list of those that do`, async () => {
        const { failed } = await runCase(name);
        expect(failed.length, `${name} passes: take it off the list`).toBeGreaterThan(0);
      });
    } else {
      it(`${name} holds`, async () => {
        const { failed } = await runCase(name);
        expect(failed).toEqual([]);
      });
    }
  }
});
