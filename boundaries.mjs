// The floors of the house as rules. `npm run check:boundaries` fails on any violation, and a test plants one to prove it.
const floors = [
  ["kernel"],
  ["config", "db", "durable-files", "redis", "outbound"],
  ["identity", "ledger", "constitution", "routing", "secrets"],
  ["governance", "models"],
  ["budgets"],
  ["accounts", "depository", "guards", "structured-output", "answer-cache"],
  ["deployments"],
  ["gateway"],
  ["deliberation", "responses", "telemetry"],
];
const domains = floors.slice(1).flat().join("|");
const driver =
  "/((sqlite|postgres|disk|console|memory|redis|smtp|oidc-provider|undici|prometheus|opentelemetry)[^/]*|disk/[^/]+)[.]ts$";
const test = "[.]test[.]ts$";

const looksDown = floors.slice(0, -1).map((floor, i) => ({
  name: `floor-${i}-looks-down`,
  severity: "error",
  comment: "A floor imports only from floors below it or from its own folder.",
  from: { path: `^src/(${floor.join("|")})/`, pathNot: test },
  to: {
    path: `^src/(${floors
      .slice(i + 1)
      .flat()
      .join("|")})/`,
  },
}));

export default {
  forbidden: [
    ...looksDown,
    {
      name: "core-ignorant-of-callers",
      severity: "error",
      comment: "No domain knows that HTTP or a command line calls it.",
      from: { path: "^src/(?!http/|cli/|app[.]ts|app/)" },
      to: { path: "^(src/(http|cli|app)/|src/app[.]ts$|web/)" },
    },
    {
      name: "one-door",
      severity: "error",
      comment:
        "A domain is entered through its index.ts, or through words.ts by who checks words only; the composition root names a driver.",
      from: { path: "^src/([^/]+)/", pathNot: ["^src/app/", test] },
      to: {
        path: `^src/(${domains})/`,
        pathNot: ["^src/$1/", "^src/([^/]+|ledger/verify)/index[.]ts$", "^src/[^/]+/words[.]ts$"],
      },
    },
    {
      name: "fastify-only-in-http",
      severity: "error",
      comment: "The web framework is a detail of src/http.",
      from: { path: "^(src|bench|scripts)/", pathNot: "^src/http/" },
      to: { path: "node_modules/(fastify|@fastify)/" },
    },
    {
      name: "verifier-stands-alone",
      severity: "error",
      comment: "The ledger's verifier shares no code with its writer, or it would share its mistakes.",
      from: { path: "^src/ledger/verify/", pathNot: test },
      to: { path: "^src/", pathNot: "^src/ledger/verify/" },
    },
    {
      name: "sdk-only-in-driver",
      severity: "error",
      comment: "A vendor's client library is named by its driver alone.",
      from: { path: "^src/", pathNot: driver },
      to: {
        path: "node_modules/(pg|@aws-sdk|@redis|nats|nodemailer|oidc-provider|undici|prom-client|@opentelemetry)/",
      },
    },
    {
      name: "disk-only-in-drivers",
      severity: "error",
      comment: "Domains do no input or output of their own.",
      from: {
        path: "^src/",
        pathNot: [driver, "^src/(app|cli|config|db|http)/", "^src/app[.]ts$", "^src/ledger/verify/", test],
      },
      to: { dependencyTypes: ["core"], path: "^(node:)?(fs|fs/promises|child_process|net|http|https)$" },
    },
    {
      name: "no-cycles",
      severity: "error",
      comment: "A cycle means two modules are one.",
      from: {},
      to: { circular: true },
    },
    {
      name: "src-not-to-test",
      severity: "error",
      comment: "Production code never imports tests.",
      from: { path: "^src/", pathNot: test },
      to: { path: "^test/|[.]test[.]ts$" },
    },
  ],
  options: {
    parser: "swc",
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
  },
};
