// What was used, for reports and spreadsheets.
import type { FastifyInstance, FastifyRequest } from "fastify";
import { compareNames, maxReportDays, usageFields } from "../../budgets/index.ts";
import type { UsageField, UsageLine } from "../../budgets/index.ts";
import { instant } from "../../kernel/clock.ts";
import type { Ctx } from "../../kernel/ctx.ts";
import { csvOf } from "../../kernel/csv.ts";
import { defined, instantMs, one, pageSize } from "../query.ts";
import type { Query } from "../query.ts";
import { route } from "../route.ts";
import { instantQuery, nextCursor, pageQuery, record, refusal } from "../schemas.ts";
import type { Services } from "../services.ts";

const orNull = { type: ["string", "null"] };
const count = { type: "integer", minimum: 0 };
const dollars = { type: "string", pattern: "^\\d+\\.\\d{6}$" };
const usedFields = {
  calls: count,
  input_tokens: { ...count, description: "As providers said; what they had cached is a part of it." },
  cached_tokens: count,
  output_tokens: count,
  tokens: {
    ...count,
    description: "What budgets were charged; more than input and output where no one said what it was.",
  },
  cost_usd: { ...dollars, description: "US dollars, of the calls whose cost is known." },
  unpriced_calls: { ...count, description: "Calls whose cost is not known." },
  unpriced_estimate_usd: { ...dollars, description: "What budgets were charged for calls whose cost is not known." },
};
const nameFields = Object.fromEntries(usageFields.map((field) => [field, orNull]));
const report = record({
  since: { type: "string", format: "date-time" },
  until: { type: "string", format: "date-time" },
  rows: { type: "array", items: record({ ...nameFields, ...usedFields }, usageFields) },
  total: { ...record(usedFields), description: "All rows of all pages together." },
  next: nextCursor,
});

const name = { type: "string", minLength: 1, maxLength: 256 };
const query = {
  by: {
    type: "string",
    pattern: `^(${usageFields.join("|")})(,(${usageFields.join("|")})){0,3}$`,
    description: `What rows are told apart by: ${usageFields.join(", ")}, or several with commas; \`model\` when absent.`,
  },
  since: { ...instantQuery, description: `Beginning, rounded down to the hour; 30 days before the end when absent.` },
  until: {
    ...instantQuery,
    description: `End, rounded up to the hour and not included; now when absent. At most ${maxReportDays} days later.`,
  },
  product: { ...name, maxLength: 64 },
  project: name,
  key: name,
  model: name,
  ...pageQuery,
};

/** How long a report is of that names no beginning, milliseconds. */
const usualMs = 30 * 86_400_000;

/** `/v1/usage`. */
export function usageRoutes(app: FastifyInstance, services: Services): void {
  route(app, services, "usage.read", {
    schema: {
      summary: "What calls have used and cost, by model, key, product, project, provider or day",
      description:
        "Rows are sorted by their names; a caller that belongs to a product sees its own, and a key whose calls are bound what it used itself; a caller of no product needs the permission `budget.view`. The pages of a report are of one moment where the same process makes them. With `Accept: text/csv` as a table, whose next page is in `Link`.",
      querystring: record(query, Object.keys(query)),
      response: {
        200: {
          description: "A page of the report.",
          content: { "application/json": { schema: report }, "text/csv": { schema: { type: "string" } } },
        },
        404: refusal("The caller knows no such product."),
      },
    },
    handle: async (ctx, request, reply) => {
      const page = await pageOf(services, ctx, request);
      if (!/\btext\/csv\b/i.test(request.headers.accept ?? "")) return page.answer;
      if (page.answer.next !== null) void reply.header("link", nextLink(request, page.answer.next));
      return reply.type("text/csv; charset=utf-8").header("vary", "accept").send(page.table());
    },
  });
}

/** Where a page was cut: behind these names, in a report of this time. */
interface Place {
  readonly after: UsageLine["names"];
  readonly sinceMs: number;
  readonly untilMs: number;
}

async function pageOf({ budgets, gateway, cursors, clock }: Services, ctx: Ctx, request: FastifyRequest) {
  const asked = request.query as Query;
  const { cursor, limit: _, ...question } = asked;
  const place =
    cursor === undefined ? undefined : (cursors.open("usage.read", one(asked, "cursor") ?? "", question) as Place);
  const by = [...new Set((one(asked, "by") ?? "model").split(","))] as UsageField[];
  const untilMs = place?.untilMs ?? instantMs(asked, "until") ?? clock.nowMs();
  const sinceMs = place?.sinceMs ?? instantMs(asked, "since") ?? untilMs - usualMs;
  const names = defined({
    product: one(asked, "product"),
    project: one(asked, "project"),
    key: one(asked, "key"),
    model: one(asked, "model"),
  });
  const time = { sinceMs, untilMs, isContinued: place !== undefined };
  const found = await budgets.usage(ctx, { by, ...time, signal: ctx.signal, ...names }, (model) =>
    gateway.providerOf(model),
  );
  const from = place === undefined ? 0 : firstBehind(found.lines, place.after);
  const lines = found.lines.slice(from, from + pageSize(asked));
  const last = from + lines.length < found.lines.length ? lines.at(-1) : undefined;
  const next = last && cursors.seal("usage.read", { after: last.names, sinceMs, untilMs } satisfies Place, question);
  const told = (line: UsageLine) => Object.fromEntries(by.map((field, i) => [field, line.names[i] ?? null]));
  return {
    answer: {
      since: instant(found.sinceMs),
      until: instant(found.untilMs),
      rows: lines.map((line) => ({ ...told(line), ...line.used })),
      total: found.total,
      next: next ?? null,
    },
    table: () =>
      csvOf(
        [...by, ...Object.keys(usedFields)],
        lines.map(({ names: own, used }) => [...own, ...(Object.values(used) as (string | number)[])]),
      ),
  };
}

/** Where the first row behind these names is; rows are sorted. */
function firstBehind(lines: readonly UsageLine[], names: UsageLine["names"]): number {
  let [low, high] = [0, lines.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const line = lines[middle];
    if (line === undefined || compareNames(line.names, names) > 0) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Where the next page is, as RFC 8288 says it. */
function nextLink(request: FastifyRequest, next: string): string {
  const url = new URL(request.url, "http://here");
  url.searchParams.set("cursor", next);
  return `<${url.pathname}${url.search}>; rel="next"`;
}
