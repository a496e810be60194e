// A second server whose constitution leaves little room: a product over its quota, and a depository that is full.
import { cp, readFile, writeFile } from "node:fs/promises";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startThrowaway } from "../../test/support/servers/throwaway.ts";
import type { Throwaway } from "../../test/support/servers/throwaway.ts";
import { ask } from "./caller.ts";
import type { Answer } from "./caller.ts";
import type { Claims } from "./claims.ts";
import { projectRoot } from "./products.ts";
import { showRefusal } from "./refusal.ts";
import type { Screen } from "./screen.ts";

/** Room of the small house, bytes. */
const quotaBytes = 20_000;
const storageBytes = 60_000;

/** Shows both refusals. */
export async function showFullHouse(screen: Screen, claims: Claims, ordinaryHash: string): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "charter-"));
  try {
    await writeSmallConstitution(dir);
    await using server = await startThrowaway({ serve: ["--constitution", dir] });
    claims.check(server.constitutionHash !== ordinaryHash, "another constitution has another hash");
    await fill(screen, claims, server);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function writeSmallConstitution(dir: string): Promise<void> {
  await cp(join(projectRoot, "constitution"), dir, { recursive: true });
  const file = join(dir, "constitution.yaml");
  const text = await readFile(file, "utf8");
  const small = text
    .replace(/(GURUKUL:\n {4}quotaBytes: )\d+/, `$1${quotaBytes}`)
    .replace(/(storageTotalBytes: )\d+/, `$1${storageBytes}`);
  if (small === text) throw new Error("the constitution has no numbers to make smaller");
  await writeFile(file, small);
}

async function fill(screen: Screen, claims: Claims, server: Throwaway): Promise<void> {
  const { url } = server;
  const gurukul = await server.keyFor("product", "GURUKUL");
  const assistant = await server.keyFor("product", "AI_ASSISTANT");
  const write = (key: string, place: string, sizeBytes: number): Promise<Answer> =>
    ask(url, `/v1/artifacts?${place}`, {
      key,
      body: Buffer.alloc(sizeBytes, "x"),
      headers: { "content-type": "application/octet-stream" },
    });
  const inGurukul = "product=GURUKUL&type=ContentArtifact";
  const inAssistant = "product=AI_ASSISTANT&type=ConversationArtifact";

  const fits = await write(gurukul, inGurukul, 15_000);
  claims.check(fits.status === 201, "what fits is stored", fits.text);
  await showRefusal(screen, claims, {
    title: `A product over its quota of ${quotaBytes} bytes, of which 15000 are used`,
    request: "POST /v1/artifacts  Content-Length: 6000  as GURUKUL",
    send: () => write(gurukul, inGurukul, 6_000),
    status: 507,
    code: "quota.exceeded",
  });
  const rest = await write(assistant, inAssistant, 40_000);
  claims.check(rest.status === 201, "another product still writes", rest.text);
  await showRefusal(screen, claims, {
    title: `A depository of ${storageBytes} bytes, of which 55000 are used`,
    request: "POST /v1/artifacts  Content-Length: 30000  as AI_ASSISTANT",
    send: () => write(assistant, inAssistant, 30_000),
    status: 503,
    code: "storage.full",
  });
  const id = (rest.json["artifact"] as { artifact_id: string }).artifact_id;
  const read = await ask(url, `/v1/artifacts/${id}/content`, { key: assistant });
  claims.check(read.status === 200 && read.text.length === 40_000, "reads go on when the storage is full", read.status);
  screen.holds("the product next door was not affected by the quota, and reads go on when the storage is full");
}
