// Outcomes that the ledger does not take at once.
import { expect, it } from "vitest";
import {
  failingDisk,
  intentLeaf,
  leafIn,
  ledgerFolder,
  outcomeLeaf,
  systemError,
} from "../../test/support/ledger/ledger-folder.ts";
import { silentLog } from "../kernel/ctx.ts";
import { openOutcomeRetrier } from "./outcome-retrier.ts";

const tooMuch = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`fact_${at}`, "x".repeat(8000)]));

it("is written without its facts when it is too large with them, and its act is as done as it was", async () => {
  await using folder = await ledgerFolder();
  await using log = await folder.open();
  await using outcomes = openOutcomeRetrier(log, silentLog);
  const intent = await log.append([intentLeaf(1)]);
  let written = 0;
  const index = await outcomes.append([{ ...outcomeLeaf(intent), facts: tooMuch }], () => void written++);
  expect([index, written, outcomes.waiting]).toEqual([1, 1, 0]);
  expect(leafIn(await log.entryBytes(index))).toEqual(outcomeLeaf(intent));
});

it("holds up none behind it when it can never be written", async () => {
  await using folder = await ledgerFolder();
  const disk = failingDisk();
  await using log = await folder.open({ openJournalFile: disk.open });
  await using outcomes = openOutcomeRetrier(log, silentLog);
  await log.append([1, 2, 3, 4].map(intentLeaf));
  const never = { ...outcomeLeaf(0), principal: "x".repeat(70_000) };
  await expect(outcomes.append([never], () => {})).rejects.toMatchObject({ code: "ledger.leaf_too_large" });
  disk.writeError = systemError("ENOSPC");
  const written: number[] = [];
  for (const intent of [1, 2, 3]) {
    await expect(outcomes.append([outcomeLeaf(intent)], () => void written.push(intent))).rejects.toMatchObject({
      code: "ledger.full",
    });
  }
  disk.writeError = undefined;
  await expect.poll(() => written).toEqual([1, 2, 3]);
  expect(outcomes.waiting).toBe(1);
});
