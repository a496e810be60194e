// docs/errors.md and openapi.json, made from the tables and routes of src/http.
import { readFileSync } from "node:fs";
import { describeApi, errorCodes, operations, statusOf } from "../src/http/index.ts";
import type { ErrorCode, Operation } from "../src/http/index.ts";

/** docs/errors.md: every code with its status and meaning. */
export function renderErrorsDoc(): string {
  const rows = (Object.keys(errorCodes) as ErrorCode[])
    .toSorted()
    .map((code) => `| \`${code}\` | ${statusOf[code]} | ${errorCodes[code]} |`);
  return [
    "# Errors",
    "",
    "Every refusal is `application/problem+json` (RFC 9457) with a stable `code`. `articles`, `policies`, `limit`, `at` and",
    "`findings` say what decided, `remedy` what would make the request pass, `intent_index` and `outcome_index` where the refusal",
    "stands in the ledger. This table is written from the code by `npm run generate`.",
    "",
    "| code | status | meaning |",
    "| --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

/** openapi.json: the description that the server also gives at `/openapi.json`. */
export async function renderOpenapi(): Promise<string> {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return `${JSON.stringify(await describeApi(version), null, 2)}\n`;
}

/** The operations that need no credential, with the reason, as lines of a Markdown list. */
export function publicOperations(): string[] {
  return Object.values<Operation>(operations)
    .filter(({ access }) => access === "public")
    .map(({ method, path, why }) => `- \`${method} ${path}\`: ${why}`);
}
