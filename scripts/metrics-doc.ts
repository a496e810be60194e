// docs/operating/metrics.md, made from what the domains declare.
import { budgetMetrics } from "../src/budgets/metrics.ts";
import { dbMetrics } from "../src/db/metrics.ts";
import { depositoryMetrics, shelfMetrics } from "../src/depository/metrics.ts";
import { governanceMetrics } from "../src/governance/metrics.ts";
import { httpMetrics } from "../src/http/metrics.ts";
import { credentialMetrics, keyCacheMetrics, rateMetrics, signInMetrics } from "../src/identity/metrics.ts";
import { silentLog } from "../src/kernel/ctx.ts";
import { ledgerMetrics } from "../src/ledger/metrics.ts";
import { PrometheusMeter } from "../src/telemetry/prometheus-meter.ts";
import type { DescribedMetric } from "../src/telemetry/prometheus-meter.ts";
import { PrometheusObserver } from "../src/telemetry/prometheus-observer.ts";

/** What declares the metrics of each part; nothing is read of them, so their sources are never asked. */
const parts: readonly (readonly [title: string, declare: (meter: PrometheusMeter) => void])[] = [
  [
    "HTTP door",
    (meter) => {
      httpMetrics(meter, { running: unasked, connections: unasked });
    },
  ],
  [
    "Identity",
    (meter) => {
      credentialMetrics(meter);
      keyCacheMetrics(meter);
      signInMetrics(meter);
      rateMetrics(meter);
    },
  ],
  [
    "Gate",
    (meter) => {
      governanceMetrics(meter, { isProduct: unasked, halts: unasked, openCalls: unasked, waitingOutcomes: unasked });
    },
  ],
  [
    "Ledger",
    (meter) => {
      ledgerMetrics(meter, { entries: unasked, unpublished: unasked, waiting: unasked, state: unasked });
    },
  ],
  [
    "Depository",
    (meter) => {
      depositoryMetrics(meter, { products: [], writers: unasked, use: unasked });
      shelfMetrics(meter);
    },
  ],
  ["Database", (meter) => void dbMetrics(meter)],
  [
    "Budgets",
    (meter) => {
      budgetMetrics(meter, unasked);
    },
  ],
  [
    "Gateway",
    (meter) => {
      const observer = new PrometheusObserver({
        deployments: [],
        products: [],
        meter,
        clock: { nowMs: () => 0 },
        log: silentLog,
      });
      observer.watch({
        fleet: { breakers: unasked, overallHealthOf: unasked },
        deployments: [],
        cache: { stats: unasked },
        budgets: { state: unasked },
      });
    },
  ],
];

function unasked(): never {
  throw new Error("no metric is read while they are described");
}

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
  const sections = parts.map(([title, declare]) => {
    const own = describedBy(declare).filter(({ name }) => !known.has(name));
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
