// `charter serve`: the server in the foreground until a signal stops it.
import { setFlagsFromString } from "node:v8";
import type { Config } from "../../config/index.ts";
import { privateUmask } from "../../kernel/file-modes.ts";
import { publicNames } from "../../kernel/json-case.ts";
import { openSecretFiles } from "../checks/secret-files.ts";
import { defaultUrl, exitCodes } from "../syntax.ts";
import type { LocalCall, CommandBody } from "../command.ts";
import { complain, printed, tint } from "../io.ts";
import type { Io } from "../io.ts";
import { loadLocalConfig, settingOptions } from "../local-config.ts";
import { Progress, progressStyle } from "../progress.ts";
import { StopSignals } from "../signals.ts";
import { alignColumns } from "../table.ts";
import { programVersion } from "../version.ts";

/**
 * How far the heap may grow beyond what lives in it before garbage is collected, percent. The engine's own choice lets a server
 * of 64 callers come to nearly twice the memory (`npm run bench gateway -- --parts memory`) for no less CPU.
 */
const heapGrowthPercent = 40;

/** What a server says about itself when it is ready. */
export interface ReadyServer {
  readonly url: string;
  /** Only at the first start on a data folder. */
  readonly adminKey?: string | undefined;
  /** One-time password of the user `admin`; only at the first start. */
  readonly adminPassword?: string | undefined;
  readonly dataDir: string;
  readonly constitutionHash: string;
  /** Whether the built-in models may answer. */
  readonly simulates: boolean;
}

/** `charter serve` */
export const serve: CommandBody = {
  isLocal: true,
  usage: "",
  arity: [0, 0],
  options: [
    { name: "new-admin-key", summary: "make another admin key and show it once; the act is on record" },
    ...settingOptions(),
  ],
  examples: [
    { line: "serve", does: "starts on http://127.0.0.1:8000 with its data in ./charter-data" },
    {
      line: "serve --port 0 --data /var/lib/charter --json",
      does: "picks a free port and prints one line of JSON when ready",
    },
    {
      line: "serve --tls-cert charter-certs/server.pem --tls-key charter-certs/server.key",
      does: "speaks HTTPS with what charter certs dev made",
    },
    { line: "serve --database postgres://charter:secret@db/charter", does: "keeps its tables in PostgreSQL" },
  ],
  run,
};

async function run({ io, options, json }: LocalCall): Promise<number> {
  const loaded = loadLocalConfig(io, options);
  const { config } = loaded;
  for (const sentence of await openSecretFiles(loaded)) complain(io, sentence, "chmod o= FILE");
  // Every file that is made from here on, also by SQLite and by threads, is for this user alone.
  process.umask(privateUmask);
  setFlagsFromString(`--heap-growing-percent=${heapGrowthPercent}`);
  // Until it is ready there is nothing to drain: a signal ends the process, as a crash would.
  const charter = await start(io, config, options.has("new-admin-key"));
  using signals = new StopSignals(io.stdout.isTTY || io.stderr.isTTY);
  const { url, adminKey, adminPassword, dataDir, constitutionHash, trouble } = charter;
  const simulates = config.gateway.simulated !== "never";
  if (trouble !== undefined) {
    complain(
      io,
      `The ledger cannot take writes: ${trouble}`,
      "Reads go on. `charter doctor` and `charter ledger verify` say more, `charter ledger repair` records a decision.",
    );
  }
  const show = async (ready: ReadyServer): Promise<void> => {
    const { simulates: _, ...told } = ready;
    await printed(io, json ? [JSON.stringify(publicNames(told))] : welcome(io, ready));
    await charter.shown();
  };
  const ready = { url, adminKey, adminPassword, dataDir, constitutionHash, simulates };
  try {
    await show(ready);
  } catch (error) {
    await charter.close();
    throw new Error(`what is shown once cannot be printed: ${(error as Error).message}`, { cause: error });
  }
  const showLate = async (made: Pick<ReadyServer, "adminKey" | "adminPassword">): Promise<void> => {
    const { adminKey: lateKey = adminKey, adminPassword: latePassword = adminPassword } = made;
    if (lateKey === adminKey && latePassword === adminPassword) return;
    await show({ ...ready, adminKey: lateKey, adminPassword: latePassword });
  };
  charter.later?.then(showLate).catch((error: unknown) => complain(io, `charter: ${(error as Error).message}`));
  const signal = await signals.first;
  if (!json) complain(io, `${signal}: finishing what is under way; once more to stop at once`);
  await charter.close();
  return exitCodes.ok;
}

/** Starts the server; a large ledger is verified first, and a person at a terminal sees how far that is. */
async function start(io: Io, config: Config, newAdminKey: boolean) {
  const { startCharter } = await import("../../app/start.ts");
  using progress = new Progress(io, progressStyle(io, true, false), 0, (leaves) => leaves.toFixed(0));
  progress.label("verifying the ledger");
  const onVerify = (done: number, total: number): void => progress.set(done, total);
  try {
    return await startCharter(config, {
      version: programVersion(),
      newAdminKey,
      awaitsShown: true,
      onVerify,
      variables: io.env,
    });
  } catch (error) {
    throw addressTaken(error, config) ?? error;
  }
}

/** What a person is shown when the server is ready; the curl lines work when pasted. */
export function welcome(io: Io, server: ReadyServer): string[] {
  const { url, adminKey, adminPassword, dataDir, constitutionHash, simulates } = server;
  const key = adminKey ?? "$CHARTER_KEY";
  const bearer = `-H "Authorization: Bearer ${key}"`;
  const body = '{"product_id":"AI_ASSISTANT","artifact_type":"ConversationArtifact","payload":{"hello":"world"}}';
  const question = '{"model":"auto","messages":[{"role":"user","content":"Why is the sky blue?"}]}';
  const adminLines = [
    "An admin key was made. It is shown once and kept only as a hash:",
    "",
    `  ${tint(io, "bold", key)}`,
  ];
  return [
    `Charter ${programVersion()} is ready at ${tint(io, "bold", url)}`,
    "",
    ...alignColumns([
      ["  data", dataDir],
      ["  constitution", constitutionHash],
    ]),
    "",
    ...(adminKey === undefined
      ? ["The admin key was shown at the first start; the lines below read it from CHARTER_KEY."]
      : adminLines),
    "",
    ...(adminPassword === undefined
      ? []
      : [
          "The user admin was made too. This password is shown once and is replaced by one of yours at the first login,",
          `charter login --username admin${url === defaultUrl ? "" : ` --url ${url}`}:`,
          "",
          `  ${tint(io, "bold", adminPassword)}`,
          "",
        ]),
    "Store an artifact, list what is stored, and fetch the signed head of the ledger:",
    "",
    `  curl -s -X POST ${url}/v1/artifacts ${bearer} -H 'Content-Type: application/json' -d '${body}'`,
    `  curl -s '${url}/v1/artifacts?product=AI_ASSISTANT' ${bearer}`,
    `  curl -s ${url}/ledger/checkpoint`,
    "",
    simulates
      ? "Ask a model; while no provider has a key, the built-in simulation answers:"
      : "Ask a model; its provider's key is taken from the environment (charter models says from where):",
    "",
    `  curl -s ${url}/v1/chat/completions ${bearer} -H 'Content-Type: application/json' -d '${question}'`,
    "",
    "Stop with Ctrl-C.",
  ];
}

function addressTaken(error: unknown, config: Config): Error | undefined {
  const { code } = error as NodeJS.ErrnoException;
  const { host, port } = config.http;
  if (code === "EADDRINUSE") {
    return new Error(`port ${port} on ${host} is taken; choose another with --port, or 0 for a free one`, {
      cause: error,
    });
  }
  if (code === "EACCES" && port > 0 && port < 1024) {
    return new Error(`port ${port} needs privileges; choose one from 1024 up with --port`, { cause: error });
  }
  return undefined;
}
