// `charter models` and `charter breakers`: which models there are and how they stand.
import type { CommandBody } from "../command.ts";
import type { Client } from "../client.ts";
import { print, printable, printJson } from "../io.ts";
import { fieldList, fieldNumber, fieldText, recordOf } from "../record.ts";
import { exitCodes } from "../syntax.ts";
import { table } from "../table.ts";

/** Micro-dollars in a dollar. */
const dollar = 1_000_000;

/** `charter models` */
export const models: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [{ name: "all", summary: "also those that are not configured, and those that only their providers list" }],
  examples: [
    { line: "models", does: "shows the models that can answer now" },
    { line: "models --all --json", does: "prints the whole catalogue as JSON" },
  ],
  run: async ({ io, options, json, client }) => {
    const answer = await client.json("GET", "/v1/models");
    if (json) {
      printJson(io, answer);
      return exitCodes.ok;
    }
    const all = fieldList(answer, "data");
    const configured = all.filter((model) => fieldText(model, "charter.state") !== "unconfigured");
    const known = configured.filter((model) => fieldText(model, "charter.in_catalogue") !== "false");
    const listed = options.has("all") ? all : known;
    const byTier = listed.toSorted((a, b) => tierOf(a) - tierOf(b));
    const rows = byTier.map((model) =>
      [
        fieldText(model, "charter.tier") ?? "?",
        fieldText(model, "id") ?? "?",
        fieldText(model, "owned_by") ?? "?",
        fieldText(model, "charter.state") ?? "?",
        priceText(fieldNumber(model, "charter.input_microdollars_per_million")),
        priceText(fieldNumber(model, "charter.output_microdollars_per_million")),
        `${fieldText(model, "charter.latency_ms") ?? "?"} ms`,
        fieldText(model, "charter.lacks") ?? fieldText(model, "charter.note") ?? "",
      ].map(printable),
    );
    const heading = ["tier", "model", "provider", "state", "$/M in", "$/M out", "latency", "note"];
    print(io, ...table(heading, rows, [0, 4, 5, 6]));
    if (options.has("all")) return exitCodes.ok;
    const [lacking, unlisted] = [all.length - configured.length, configured.length - known.length];
    const more = [
      ...(lacking > 0 ? [`${lacking} are not configured`] : []),
      ...(unlisted > 0 ? [`${unlisted} are not in the catalogue, and their providers list them`] : []),
    ];
    if (more.length > 0) print(io, "", `more: ${more.join("; ")}: charter models --all`);
    return exitCodes.ok;
  },
};

/** `charter models check` */
export const modelsCheck: CommandBody = {
  usage: "[PROVIDER]",
  arity: [0, 1],
  options: [],
  examples: [
    {
      line: "models check",
      does: "asks every provider that is configured, and ends with 1 when one refuses or cannot be reached",
    },
    { line: "models check NAME --json", does: "asks one of them and prints the answer as JSON" },
  ],
  run: async ({ io, positionals: [provider], json, client }) => {
    const answer = await client.json("POST", "/v1/providers/check", { provider });
    const checks = fieldList(answer, "checks");
    if (json) printJson(io, answer);
    else {
      const rows = checks.map((check) => {
        const latencyMs = fieldNumber(check, "latency_ms");
        return [
          fieldText(check, "provider") ?? "?",
          fieldText(check, "key") ?? "-",
          (fieldText(check, "state") ?? "?").replace("_", " "),
          latencyMs === undefined ? "-" : `${latencyMs} ms`,
          fieldText(check, "reason") ?? "",
        ].map(printable);
      });
      print(io, ...table(["provider", "key", "state", "latency", "reason"], rows, [1, 3]));
    }
    const bad =
      provider === undefined
        ? ["refused", "no_network", "failed"]
        : ["refused", "no_network", "failed", "unconfigured"];
    return checks.some((check) => bad.includes(fieldText(check, "state") ?? "")) ? exitCodes.refused : exitCodes.ok;
  },
};

/** `charter breakers` */
export const breakers: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [
    { name: "reset", value: "DEPLOYMENT", summary: "close the breaker of one deployment; the act is on record" },
    { name: "reset-all", summary: "close all of them; the act is on record" },
  ],
  examples: [
    { line: "breakers", does: "shows which deployments are refused calls, and since when" },
    { line: "breakers --reset grok-4", does: "lets calls through to grok-4 again" },
  ],
  run: async ({ io, options, json, client }) => {
    const one = options.text("reset");
    if (one !== undefined || options.has("reset-all")) {
      const answer = await reset(client, one);
      if (json) printJson(io, answer);
      else print(io, `closed ${fieldText(answer, "reset") ?? "?"}`);
      return exitCodes.ok;
    }
    const answer = await client.json("GET", "/circuit-breakers");
    if (json) {
      printJson(io, answer);
      return exitCodes.ok;
    }
    const rows = Object.entries(recordOf(answer)).map(([name, breaker]) =>
      [
        name,
        fieldText(breaker, "state") ?? "?",
        fieldText(breaker, "failure_count") ?? "?",
        fieldText(breaker, "total_calls") ?? "?",
        fieldText(breaker, "total_failures") ?? "?",
        fieldText(breaker, "last_failure_time") ?? "-",
        fieldText(breaker, "opened_at") ?? "-",
      ].map(printable),
    );
    if (rows.length === 0) print(io, "no deployment has been called yet");
    else
      print(
        io,
        ...table(["deployment", "state", "in a row", "calls", "failures", "last failure", "opened"], rows, [2, 3, 4]),
      );
    return exitCodes.ok;
  },
};

function reset(client: Client, name: string | undefined): Promise<unknown> {
  const path = name === undefined ? "reset_all" : `${encodeURIComponent(name)}/reset`;
  return client.json("POST", `/api/v1/circuit-breakers/${path}`);
}

function tierOf(model: unknown): number {
  return fieldNumber(model, "charter.tier") ?? 0;
}

function priceText(microdollars: number | undefined): string {
  return microdollars === undefined ? "unknown" : (microdollars / dollar).toFixed(3);
}
