// Walks every command of the command line: each that talks to a server authenticates, each that changes something leaves
// exactly one intent and one outcome, each that reads leaves none, each prints help with an example.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commands } from "../../src/cli/commands.ts";
import { runProgram } from "../../src/cli/program.ts";
import { envelope, startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";
import { oddNames } from "../support/http/json-names.ts";
import type { ForeignNames } from "../support/http/json-names.ts";

/** What a command does to the server: `local` commands talk to none, `public` ones read what anyone may read. */
type Reach = "local" | "public" | "read" | "mutation";

/** Every command, its reach, and arguments that work. A command that is missing here fails the walk. */
const walk: Record<string, { reach: Reach; args: (places: Places) => string[] }> = {
  serve: { reach: "local", args: () => ["--help"] },
  config: { reach: "local", args: () => [] },
  doctor: { reach: "local", args: ({ folder }) => ["--data", folder] },
  "certs dev": { reach: "local", args: ({ folder }) => ["--dir", join(folder, "certs")] },
  "constitution show": { reach: "local", args: () => [] },
  "constitution hash": { reach: "local", args: () => [] },
  "constitution validate": { reach: "local", args: () => [] },
  "constitution explain": { reach: "local", args: ({ question }) => [question] },
  "ledger repair": { reach: "local", args: () => ["--help"] },
  models: { reach: "read", args: () => [] },
  chat: { reach: "mutation", args: () => ["hello"] },
  "route explain": { reach: "read", args: () => ["hello"] },
  // It waits for lines on stdin; src/cli/route-score.test.ts gives it some.
  "route score": { reach: "local", args: () => ["--help"] },
  "models check": { reach: "mutation", args: () => [] },
  breakers: { reach: "read", args: () => [] },
  // It waits for lines on stdin; src/cli/price.test.ts gives it some.
  price: { reach: "local", args: () => ["--help"] },
  "ledger checkpoint": { reach: "public", args: () => [] },
  "ledger proof": { reach: "public", args: () => ["0"] },
  "ledger verify": { reach: "read", args: () => [] },
  "ledger entries": { reach: "read", args: () => ["--limit", "2"] },
  "ledger export": { reach: "read", args: ({ folder }) => [join(folder, "export")] },
  put: {
    reach: "mutation",
    args: ({ file }) => [file, "--product", "AI_ASSISTANT", "--type", "ConversationArtifact"],
  },
  get: { reach: "read", args: ({ artifact, folder }) => [artifact, "-o", join(folder, "got")] },
  ls: { reach: "read", args: () => [] },
  proof: { reach: "read", args: ({ artifact }) => [artifact] },
  lineage: { reach: "read", args: ({ artifact }) => [artifact] },
  scrub: { reach: "read", args: () => [] },
  "keys create": { reach: "mutation", args: () => ["--kind", "product", "--product", "AI_ASSISTANT"] },
  "keys list": { reach: "read", args: () => [] },
  "halts list": { reach: "read", args: () => [] },
  "halts clear": { reach: "mutation", args: ({ scope }) => [scope, "--reason", "reviewed with the team"] },
  "budget show": { reach: "read", args: () => [] },
  "budget set": { reach: "mutation", args: () => ["--product", "GURUKUL", "--tokens", "1000", "--per", "day"] },
  usage: { reach: "read", args: () => ["--by", "day,model"] },
  "budget clear": { reach: "mutation", args: ({ budget }) => [budget] },
  "users create": { reach: "mutation", args: () => ["made", "made@example.org", "--kind", "auditor"] },
  "users list": { reach: "read", args: () => [] },
  "users show": { reach: "read", args: () => ["admin"] },
  "users set-role": { reach: "mutation", args: ({ user }) => [user, "observer", "--kind", "auditor"] },
  "users disable": { reach: "mutation", args: ({ user }) => [user] },
  "users enable": { reach: "mutation", args: ({ user }) => [user] },
  "users reset-password": { reach: "mutation", args: ({ user }) => [user] },
  "users import": { reach: "mutation", args: ({ users }) => [users] },
  "keys revoke": { reach: "mutation", args: ({ key }) => [key] },
  "keys rotate": { reach: "mutation", args: () => [] },
  "clients create": { reach: "mutation", args: () => ["Walk", "--kind", "auditor", "--role", "observer"] },
  "clients list": { reach: "read", args: () => [] },
  "clients revoke": { reach: "mutation", args: ({ client }) => [client] },
  status: { reach: "public", args: () => [] },
  products: { reach: "read", args: () => [] },
  types: { reach: "read", args: () => [] },
  hold: { reach: "mutation", args: ({ artifact }) => [artifact, "--reason", "a case is pending"] },
  whoami: { reach: "read", args: () => [] },
  completion: { reach: "local", args: () => ["bash"] },
  // Their credential is a password or a session, so they are not refused for want of a key; test/scenario/cli-session.test.ts
  // runs them.
  login: { reach: "local", args: () => ["--help"] },
  passwd: { reach: "local", args: () => ["--help"] },
  logout: { reach: "local", args: () => ["--help"] },
};

/** What commands print with --json in which names are not Charter's own. A new line here is a decision. */
const foreign: Record<string, ForeignNames> = {
  config: { "": "members are named after settings, as configuration files spell them" },
  "constitution show": { "/data": "what constitution.yaml holds, as it is spelled there" },
  "ledger entries": { "/entries/*/leaf": "the leaf as the ledger holds it, byte for byte" },
  breakers: { "": "members are named after deployments" },
};

interface Places {
  readonly folder: string;
  readonly file: string;
  readonly question: string;
  readonly artifact: string;
  readonly key: string;
  readonly client: string;
  readonly scope: string;
  readonly budget: string;
  readonly user: string;
  readonly users: string;
}

let charter: TestCharter;
let places: Places;

beforeAll(async () => {
  charter = await startTestCharter();
  const folder = await mkdtemp(join(tmpdir(), "charter-walk-"));
  const [file, question] = [join(folder, "file.txt"), join(folder, "question.json")];
  await writeFile(file, "content of a file");
  await writeFile(question, '{"principal":{"kind":"auditor"},"action":"READ","resource":{"kind":"ledger"}}');
  const artifact = (await charter.ask("/v1/artifacts", { body: envelope() })).json.artifact.artifact_id;
  const key = (await charter.ask("/v1/keys", { body: { kind: "auditor" } })).json.id;
  const registration = { name: "Walk", kind: "auditor", role: "observer", grant_types: ["client_credentials"] };
  const client = (await charter.ask("/v1/clients", { body: registration })).json.id;
  const limit = { scope: { product: "GURUKUL" }, unit: "tokens", window: "month", limit: 1000 };
  const budget = (await charter.ask("/v1/budgets", { body: limit })).json.id;
  const scope = "WORKFLOW";
  const executor = await charter.keyFor("executor", scope, "admin");
  const body = envelope({ product_id: scope, artifact_type: "WorkflowArtifact" });
  const id = (await charter.ask("/v1/artifacts", { key: executor, body })).json.artifact.artifact_id;
  await charter.ask(`/v1/artifacts/${id}`, { key: executor, method: "DELETE" });
  const draft = { username: "walker", email: "walker@example.org", kind: "auditor" };
  const user = (await charter.ask("/v1/users", { body: draft })).json.id;
  const users = join(folder, "users.jsonl");
  const passwordHash = `$2b$10$${"a".repeat(53)}`;
  await writeFile(
    users,
    JSON.stringify({ ...draft, username: "taken-over", email: "old@example.org", password_hash: passwordHash }),
  );
  places = { folder, file, question, artifact, key, client, budget, scope, user, users };
});
afterAll(async () => {
  await charter[Symbol.asyncDispose]();
  await rm(places.folder, { recursive: true, force: true });
});

/** Runs a command line in this process; resolves with its exit code and what it printed. */
async function run(args: readonly string[], env: Record<string, string> = {}) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const printed = { out: "", err: "" };
  stdout.on("data", (chunk: Buffer) => (printed.out += chunk.toString()));
  stderr.on("data", (chunk: Buffer) => (printed.err += chunk.toString()));
  const streams = { stdin: process.stdin, stdout: stdout as never, stderr: stderr as never };
  const code = await runProgram(args, { ...streams, env, cwd: places.folder });
  return { code, ...printed };
}

/** The kinds of the leaves after an index. */
async function leafKindsAfter(index: number): Promise<string[]> {
  const { json } = await charter.ask("/ledger/entries?limit=1000");
  return json.entries
    .filter((entry: { index: number }) => entry.index >= index)
    .map((entry: { leaf: { kind: string } }) => entry.leaf.kind);
}

describe("the command line", () => {
  it("has exactly the commands that the walk knows", () => {
    expect(commands.map(({ name }) => name).toSorted()).toEqual(Object.keys(walk).toSorted());
  });

  for (const { name, load } of commands) {
    it(`explains itself with an example: ${name}`, async () => {
      const { examples } = await load();
      const { code, out } = await run([...name.split(" "), "--help"]);
      expect(code).toBe(0);
      expect(examples.length).toBeGreaterThan(0);
      expect(out).toContain(`charter ${examples[0]?.line ?? name}`);
    });
  }

  for (const [name, { reach, args }] of Object.entries(walk).filter(([, each]) => each.reach !== "local")) {
    it(`leaves what a ${reach} leaves: ${name}`, async () => {
      const size = await charter.ledgerSize();
      const env = { CHARTER_URL: charter.url, CHARTER_KEY: charter.adminKey };
      const { code, err } = await run([...name.split(" "), ...args(places)], env);
      expect(code, err).toBe(0);
      expect(await leafKindsAfter(size)).toEqual(reach === "mutation" ? ["intent", "outcome"] : []);
    });
  }

  for (const [name, { args }] of Object.entries(walk).filter(
    ([, { reach }]) => reach === "read" || reach === "mutation",
  )) {
    it(`is refused without a credential and changes nothing: ${name}`, async () => {
      const size = await charter.ledgerSize();
      const { code } = await run([...name.split(" "), ...args(places)], { CHARTER_URL: charter.url });
      expect(code).toBe(1);
      expect(await charter.ledgerSize()).toBe(size);
    });
  }

  for (const [name, { args }] of Object.entries(walk)) {
    it(`prints names in snake_case with --json, when it is refused too: ${name}`, async () => {
      const given = args(places);
      // These wait for lines or never end, and tests of their own look at what they print.
      if (given.includes("--help")) return;
      for (const key of [charter.adminKey, ""]) {
        const fresh = given.map((arg) => (arg.endsWith("/certs") ? `${arg}-${key.length}` : arg));
        const env = { CHARTER_URL: charter.url, CHARTER_KEY: key };
        const { out } = await run([...name.split(" "), ...fresh, "--json"], env);
        const documents = out
          .trim()
          .split("\n")
          .map((line): unknown => JSON.parse(line));
        expect(documents.length).toBeGreaterThan(0);
        for (const each of documents) expect(oddNames(each, foreign[name])).toEqual([]);
      }
    });
  }
});
