// A process that is killed between reserving and settling in the transactions of acts leaves both or neither: effect and budget.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { sql } from "kysely";
import { expect, it } from "vitest";
import { BudgetRig } from "../../test/contract/budget-rig.ts";
import { freshPostgres } from "../../test/support/servers/postgres.ts";
import { describeWith } from "../../test/support/servers/requires.ts";
import { Effects, openDatabase } from "../db/index.ts";
import type { DatabaseOptions } from "../db/index.ts";
import { silentLog } from "../kernel/ctx.ts";

const worker = fileURLToPath(new URL("../../test/support/storage/budget-acts.ts", import.meta.url));
const product = "KILLED";

interface Row {
  readonly intent_index: number;
  readonly state: string;
}

async function killed(options: DatabaseOptions): Promise<void> {
  const place = { open: () => openDatabase(options, silentLog), [Symbol.asyncDispose]: async () => {} };
  const isAlone = options.kind === "sqlite";
  await (await BudgetRig.open(async () => place, isAlone))[Symbol.asyncDispose]();
  for (let round = 0; round < 3; round++) {
    const child = spawn(process.execPath, [worker, product, JSON.stringify(options), String(round)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    await setTimeout(100 + 150 * round);
    child.kill("SIGKILL");
    await once(child, "exit");
    // A server may still be carrying out what it was sent.
    if (!isAlone) await setTimeout(300);
    await using rig = await BudgetRig.open(async () => place, isAlone, 0);
    await rig.budgets.state({ product });
    const { rows } = await sql<Row>`select intent_index, state from budget_reservations
      where kind = 'claim' and intent_index is not null`.execute(rig.db.read);
    const asked = Array.from({ length: 2 * rows.length + 1000 }, (_, i) => round * 1_000_000 + i);
    const applied = await new Effects(rig.db).among(asked);
    const inRound = rows.filter(({ intent_index: intent }) => Math.floor(intent / 1_000_000) === round);
    expect(inRound.length).toBeGreaterThan(0);
    const reserved = inRound.map(({ intent_index: intent }) => intent);
    const settled = inRound.filter(({ state }) => state === "settled").map(({ intent_index: intent }) => intent + 1);
    expect([...reserved, ...settled].toSorted((a, b) => a - b)).toEqual([...applied].toSorted((a, b) => a - b));
    expect(await rig.wrongCounters()).toEqual([]);
  }
}

it("on SQLite", async () => {
  const folder = await mkdtemp(join(tmpdir(), "charter-kill-"));
  await killed({ kind: "sqlite", file: join(folder, "charter.db") });
  await rm(folder, { recursive: true });
});

describeWith(["postgres"], "with a PostgreSQL server", () => {
  it("on PostgreSQL", async () => {
    await using server = await freshPostgres();
    await killed({ kind: "postgres", url: server.url });
  });
});
