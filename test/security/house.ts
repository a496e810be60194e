// The Charter that is attacked: a process of its own with realistic contents and its limits raised, so that an attack is
// stopped by what it attacks and not by being counted; the same over TLS; and one with the limits it ships with.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Agent, request } from "undici";
import type { ApiDocument } from "../support/http/described-api.ts";
import { launcher, spawnCharter } from "../support/app/process.ts";
import type { CharterProcess } from "../support/app/process.ts";
import { fill } from "./contents.ts";
import type { Contents } from "./samples.ts";

/** The servers under attack. */
export interface House extends AsyncDisposable {
  readonly plain: CharterProcess;
  /** The same program over TLS, and the certificate of the authority that its own is under. */
  readonly tls: { readonly server: CharterProcess; readonly authorityFile: string };
  /** With the limits that Charter ships with. */
  readonly limited: CharterProcess;
  readonly document: ApiDocument;
  readonly contents: Contents;
}

/** Starts the servers below a folder and fills the first. */
export async function openHouse(folder: string): Promise<House> {
  const authorityFile = join(folder, "certs/ca.pem");
  const made = spawnSync(process.execPath, [launcher, "certs", "dev", "--dir", join(folder, "certs")], {
    encoding: "utf8",
  });
  if (made.status !== 0) throw new Error(`no certificates were made: ${made.stderr}`);
  const tlsArgs = ["--tls-cert", join(folder, "certs/server.pem"), "--tls-key", join(folder, "certs/server.key")];
  const start = (name: string, args: readonly string[]): Promise<CharterProcess> => {
    const dataDir = join(folder, name);
    mkdirSync(dataDir);
    return spawnCharter({ dataDir, args });
  };
  await using stack = new AsyncDisposableStack();
  const plain = stack.use(await start("plain", []));
  const tls = stack.use(await start("tls", tlsArgs));
  const limited = stack.use(await start("limited", ["--rate-factor", "1"]));
  const document = (await plain.ask("/openapi.json", { key: null })).json as ApiDocument;
  const contents = await fill(plain);
  const kept = stack.move();
  return {
    plain,
    tls: { server: tls, authorityFile },
    limited,
    document,
    contents,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Asks a server over TLS and trusts the given authority alone. Resolves with the status. */
export async function askOverTls(url: string, authorityFile: string): Promise<number> {
  const agent = new Agent({ connect: { ca: readFileSync(authorityFile) } });
  try {
    const answer = await request(url, { dispatcher: agent });
    await answer.body.dump();
    return answer.statusCode;
  } finally {
    await agent.destroy();
  }
}
