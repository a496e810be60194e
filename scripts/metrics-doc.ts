// docs/operating/metrics.md, made from what the domains declare.
import { modules } from "../src/app.ts";
import { silentLog } from "../src/kernel/ctx.ts";
import type { Module } from "../src/kernel/module.ts";
import { PrometheusMeter } from "../src/telemetry/prometheus-meter.ts";
import type { DescribedMetric } from "../src/telemetry/prometheus-meter.ts";

const head = `# Metrics

\`GET /metrics\` gives everything that Charter measures, in the text format of Prometheus. The caller needs the permission
\`metrics.view\` and belongs to no product, because the figures tell of every product: a key of kind \`auditor\` will do.

\`\`\`yaml
scrape_configs:
  - job_name: charter
    authorization: { credentials_file: /etc/prometheus/charter.key }
    static_configs: [{ targets: ["127.0.0.1:8000"] }]
\`\`\`

Figures are of one process and begin at 0 when it starts. Times are in seconds and sizes in bytes, as the names say. A histogram is
three series: \`_bucket\`, \`_sum\` and \`_count\`; its count is the number of what it measures.

No label holds an id or text that a caller made up, and every label has a limited number of values; those beyond it are \`other\`.
\`charter_operation\` is the \`operationId\` of [openapi.json](../../openapi.json), \`error_type\` a code of [errors.md](../errors.md),
\`charter_product\` a product of the constitution.

Worth an alert: \`charter_ledger_state{state="open"}\` is 0; \`charter_governance_halts\` or \`charter_governance_waiting_outcomes\` is
not 0 for minutes; \`charter_depository_used_bytes\` nears \`charter_depository_quota_bytes\`; \`charter_ledger_unpublished_entries\` or
\`charter_budget_unsaved_changes\` only grows; \`charter_http_refusals_total{error_type="internal.error"}\` rises.

This page is written from the code by \`npm run generate\`.
`;

/** docs/operating/metrics.md: every metric with its labels and meaning. */
export function renderMetricsDoc(): string {
  const ofProcess = describedBy(() => {});
  const known = new Set(ofProcess.map(({ name }) => name));
  const parts = (modules as readonly Module[]).flatMap(({ metrics }) => metrics ?? []);
  const sections = parts.map(({ title, declare }) => {
    const own = describedBy((meter) => declare(meter as never)).filter(({ name }) => !known.has(name));
    return sectionOf(title, own);
  });
  return [head, ...sections, sectionOf("Process", ofProcess)].join("\n");
}

function describedBy(declare: (meter: PrometheusMeter) => void): readonly DescribedMetric[] {
  using meter = new PrometheusMeter(silentLog);
  declare(meter);
  return meter.describe();
}

function sectionOf(title: string, all: readonly DescribedMetric[]): string {
  const rows = all.map(
    ({ name, kind, labels, help }) =>
      `| \`${name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(", ")} | ${help} |`,
  );
  return [`## ${title}`, "", "| metric | kind | labels | meaning |", "| --- | --- | --- | --- |", ...rows, ""].join(
    "\n",
  );
}
