// `npm run test:agents`: agents and SDKs as their users run them, from npm and unmodified, against Charter in front of a scripted
// provider of chat completions. Ends with a line for each session, and exits 1 when one fails.
//
// They stand in test/agents with a lock file of its own and are installed there without running any script of a package. All of
// it runs in a network that holds nothing but loopback, where the machine lets us make one (`unshare`, as root): what agents
// want of others stays unanswered.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { plainEnv, startServer } from "../test/support/app/charter.ts";
import { freePort } from "../test/support/servers/servers.ts";

const root = resolve(import.meta.dirname, "..");
const folder = join(root, "test/agents");
const launcher = join(root, "bin/charter.cjs");
const inside = "--inside";
/** Longest session of an agent, milliseconds. */
const patienceMs = 120_000;
/** A picture of one red pixel. */
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";

/** Installs what stands in the lock file, unless it is there. */
function install(): void {
  if (existsSync(join(folder, "node_modules/ai/package.json"))) return;
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  const { status } = spawnSync("npm", args, { cwd: folder, stdio: "inherit" });
  if (status !== 0) throw new Error("the agents could not be installed");
}

/** Runs this script again where there is no network but loopback. */
function runAlone(): number {
  const self = [process.execPath, process.argv[1] ?? "", inside];
  const probe = spawnSync("unshare", ["--net", "true"]);
  const command =
    probe.status === 0 ? ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"', ...self] : [...self];
  if (probe.status !== 0) console.log("not in a network of its own: unshare is not allowed here");
  const [program = "", ...args] = command;
  return spawnSync(program, args, { stdio: "inherit" }).status ?? 1;
}

/** What a program says, and how it ends. */
async function ran(command: readonly string[], cwd: string, env: NodeJS.ProcessEnv) {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], timeout: patienceMs });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (text += data.toString()));
  const [status] = (await once(child, "close")) as [number | null];
  return { status, text };
}

async function sessions(): Promise<boolean> {
  const work = mkdtempSync(join(tmpdir(), "charter-agents-"));
  const home = join(work, "home");
  const place = join(work, "place");
  for (const each of [join(home, ".codex"), place]) mkdirSync(each, { recursive: true });
  const picture = join(place, "pic.png");
  writeFileSync(picture, Buffer.from(pixel, "base64"));
  const port = await freePort();
  const catalogue = join(work, "catalogue.yaml");
  const up = `{ kind: openai-compatible, baseUrl: "http://127.0.0.1:${port}/v1", keyless: true, open: true, maxDataClass: restricted }`;
  writeFileSync(catalogue, `providers:\n  up: ${up}\ndeployments: []\n`);
  const shared = { ...plainEnv(), HOME: home, PICTURE: picture };
  const provider = spawn(process.execPath, [join(folder, "provider.mjs")], {
    env: { ...shared, PROVIDER_PORT: String(port) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let asked = "";
  provider.stdout.on("data", (data: Buffer) => (asked += data.toString()));
  const serve = [launcher, "serve", "--port", "0", "--data", "data", "--json", "--log-level", "error"];
  const server = await startServer(process.execPath, [...serve, "--catalogue-file", catalogue], {
    cwd: work,
    env: plainEnv(),
  });
  const { url, admin_key: key = "" } = server.ready;
  let failed = 0;
  const tell = (name: string, holds: boolean, text: string): void => {
    if (!holds) failed++;
    console.log(`${holds ? "PASS" : "FAIL"}  ${name}${holds ? "" : `\n${text}\n${server.stderr()}`}`);
  };
  try {
    const claude = join(folder, "node_modules/@anthropic-ai/claude-code-linux-x64/claude");
    const asClaude = {
      ...shared,
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_AUTH_TOKEN: key,
      ANTHROPIC_MODEL: "up/gpt-4o",
      ANTHROPIC_SMALL_FAST_MODEL: "up/gpt-4o-mini",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    };
    const look = await ran(
      [claude, "-p", "Look at pic.png and say what it is", "--allowedTools", "Read"],
      place,
      asClaude,
    );
    const sees = asked.includes('"sees":true');
    tell(
      "Claude Code: reads a picture with a tool, and the model sees it",
      look.text.includes("red pixel") && sees,
      look.text,
    );

    const codex = join(folder, "node_modules/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex");
    const provides = `name = "Charter"\nbase_url = "${url}/v1"\nenv_key = "CHARTER_KEY"\nwire_api = "responses"`;
    const config = `model = "up/gpt-4o"\nmodel_provider = "charter"\n[model_providers.charter]\n${provides}\n`;
    writeFileSync(join(home, ".codex/config.toml"), config);
    const flags = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"];
    const made = await ran([codex, "exec", ...flags, "Make a file made.txt"], place, { ...shared, CHARTER_KEY: key });
    const isMade = existsSync(join(place, "made.txt")) && readFileSync(join(place, "made.txt"), "utf8") === "hello\n";
    tell("Codex: makes a file with a tool and says so", isMade && made.text.includes("red pixel"), made.text);

    const opencode = join(folder, "node_modules/opencode-linux-x64/bin/opencode");
    const charter = {
      npm: "@ai-sdk/openai-compatible",
      options: { baseURL: `${url}/v1`, apiKey: key },
      models: { "up/gpt-4o": { name: "charter" } },
    };
    const openConfig = {
      provider: { charter },
      model: "charter/up/gpt-4o",
      small_model: "charter/up/gpt-4o",
      autoupdate: false,
      permission: "allow",
    };
    const opened = await ran([opencode, "run", "Make a file opened.txt"], place, {
      ...shared,
      PWD: place,
      OPENCODE_CONFIG_CONTENT: JSON.stringify(openConfig),
      OPENCODE_DISABLE_MODELS_FETCH: "true",
    });
    const isOpened = existsSync(join(place, "opened.txt"));
    tell("OpenCode: makes a file with a tool and says so", isOpened && opened.text.includes("red pixel"), opened.text);

    const env = { ...shared, CHARTER_URL: url, CHARTER_KEY: key };
    const { status, text } = await ran([process.execPath, join(folder, "sdks.mjs")], folder, env);
    console.log(text.trimEnd());
    if (status !== 0) failed++;
    tell("every way: the model is given the PDF", asked.includes('"reads":true'), "");
    return failed === 0;
  } finally {
    provider.kill();
    server.process.kill("SIGKILL");
    rmSync(work, { recursive: true, force: true });
  }
}

if (process.argv.includes(inside)) process.exitCode = (await sessions()) ? 0 : 1;
else {
  install();
  process.exitCode = runAlone();
}
