// `node scripts/walks.ts`: which files a warm request goes through, by V8's precise coverage around some of them: a file counts
// when one of its functions really ran for each. Prints the walks, file by file with `--files`.
import { Session } from "node:inspector/promises";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { startCharter } from "../src/app/start.ts";
import { loadConfig } from "../src/config/index.ts";
import { silentLog } from "../src/kernel/ctx.ts";

/** Requests before those that are measured: what is made at a first use belongs to no walk. */
const warmups = 5;
/** Requests that are measured; what only some of them enter was at work behind them. */
const measured = 4;

const root = join(import.meta.dirname, "..");

/** The files of `src` that one request enters, by walk. */
export async function measureWalks(): Promise<Readonly<Record<"artifact" | "chat" | "stream", readonly string[]>>> {
  const dir = await mkdtemp(join(tmpdir(), "charter-walks-"));
  try {
    const flags = { data: join(dir, "data"), port: "0", simulated: "always" };
    const { config } = loadConfig({ flags, env: {}, cwd: dir, readFile: () => undefined });
    const charter = await startCharter(config, { version: "0.0.0-walk", log: silentLog });
    try {
      const send = async (path: string, body: unknown): Promise<void> => {
        const answer = await fetch(charter.url + path, {
          method: "POST",
          headers: { authorization: `Bearer ${charter.adminKey}`, "content-type": "application/json" },
          body: JSON.stringify(body),
        });
        const text = await answer.text();
        if (!answer.ok) throw new Error(`${path} was answered ${answer.status}: ${text}`);
      };
      let turn = 0;
      const artifact = () =>
        send("/v1/artifacts", {
          product_id: "AI_ASSISTANT",
          artifact_type: "ConversationArtifact",
          payload: { said: `walk ${turn++}` },
        });
      const chat = (stream: boolean) => () =>
        send("/v1/chat/completions", {
          model: "auto",
          stream,
          messages: [{ role: "user", content: `Why is the sky blue, for the ${turn++}th time?` }],
        });
      return {
        artifact: await filesOf(artifact),
        chat: await filesOf(chat(false)),
        stream: await filesOf(chat(true)),
      };
    } finally {
      await charter.close();
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Runs a request until it is warm, then looks at what runs in each of some more. */
async function filesOf(request: () => Promise<void>): Promise<readonly string[]> {
  for (let i = 0; i < warmups; i++) await request();
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
  await session.post("Profiler.takePreciseCoverage");
  let files: readonly string[] | undefined;
  for (let i = 0; i < measured; i++) {
    await request();
    const entered = await filesEntered(session);
    files = files?.filter((file) => entered.has(file)) ?? [...entered];
  }
  session.disconnect();
  return files?.toSorted() ?? [];
}

/** The files of `src` that were entered since this was asked last. */
async function filesEntered(session: Session): Promise<ReadonlySet<string>> {
  const { result } = await session.post("Profiler.takePreciseCoverage");
  const files = result
    .filter(({ url, functions }) => url.startsWith("file:") && functions.some(ran))
    .map(({ url }) => relative(root, fileURLToPath(url)));
  return new Set(files.filter((file) => file.startsWith("src/")));
}

/** Whether a function ran; the one without a name is the file itself, which is run when it is loaded. */
function ran({ functionName, ranges }: { functionName: string; ranges: readonly { count: number }[] }): boolean {
  return functionName !== "" && ranges.some(({ count }) => count > 0);
}

if (import.meta.main) {
  const walks = await measureWalks();
  for (const [name, files] of Object.entries(walks)) {
    console.log(`${name}: ${files.length} files`);
    if (process.argv.includes("--files")) for (const file of files) console.log(`  ${file}`);
  }
}
