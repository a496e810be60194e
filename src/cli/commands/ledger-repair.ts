// `charter ledger repair`: repairs a damaged ledger from what is intact, and gives up an entry only when told to by index.
import { systemClock } from "../../kernel/clock.ts";
import { silentLog } from "../../kernel/ctx.ts";
import type { FoundDamage, RepairReport } from "../../ledger/index.ts";
import { ledgerFolder } from "../checks/data.ts";
import { knownEntries } from "../checks/known.ts";
import type { LocalCall, CommandBody } from "../command.ts";
import { print, printable, tint, printReport } from "../io.ts";
import { loadLocalConfig, settingOptions } from "../local-config.ts";
import { integerOf } from "../options.ts";
import { exitCodes, UsageError } from "../syntax.ts";

/** `charter ledger repair` */
export const ledgerRepair: CommandBody = {
  isLocal: true,
  usage: "",
  arity: [0, 0],
  options: [
    {
      name: "accept",
      value: "INDEX",
      many: true,
      summary: "entry whose loss is accepted; nothing is given up without it",
    },
    {
      name: "accept-lost-tail",
      summary: "go on without the end of the ledger; every lost place is kept by an entry that says so",
    },
    { name: "reason", value: "TEXT", summary: "why, in your words; its digest goes on record" },
    ...settingOptions(["data", "constitution", "database"]),
  ],
  examples: [
    {
      line: "ledger repair --data ./charter-data --reason 'disk replaced'",
      does: "rewrites what can be rebuilt from intact parts",
    },
    {
      line: "ledger repair --accept 300 --reason 'disk replaced, no backup holds it'",
      does: "also puts entry 300 on record as lost, so that writing can go on",
    },
    {
      line: "ledger repair --accept-lost-tail --reason 'power cut, no backup is newer'",
      does: "goes on although the newest entries are gone; holders of a newer checkpoint will notice",
    },
  ],
  run,
};

async function run({ io, options, json }: LocalCall): Promise<number> {
  const { config } = loadLocalConfig(io, options);
  const accept = options.all("accept").map((text) => integerOf("--accept", text, 0, Number.MAX_SAFE_INTEGER));
  const reason = options.required("reason");
  if (reason.trim().length < 5) throw new UsageError("--reason must say why, in at least 5 characters");
  const { loadConstitution } = await import("../../constitution/index.ts");
  const { repairLedger } = await import("../../ledger/index.ts");
  const report = await repairLedger({
    dir: ledgerFolder(config.data.dir),
    clock: systemClock,
    log: silentLog,
    reason,
    constitutionHash: loadConstitution(config.constitution.dir).hash,
    accept,
    acceptLostTail: options.has("accept-lost-tail"),
    knownEntries: await knownEntries(config.data.dir, config.database.url),
  });
  if (json) printReport(io, report);
  else
    print(
      io,
      ...reportLines(report),
      verdict(report, (colour, text) => tint(io, colour, text)),
    );
  return report.remaining.length === 0 ? exitCodes.ok : exitCodes.refused;
}

function reportLines({ found, rewritten, accepted, lostTail }: RepairReport): string[] {
  const lines = [
    ...found.map((damage) => `found      ${damageText(damage)}`),
    ...rewritten.map((file) => `rewritten  ${file}`),
    ...accepted.map((index) => `accepted   entry ${index} is on record as lost`),
    ...(lostTail === undefined ? [] : [`accepted   ${lostTail.count} entries from ${lostTail.first} on are lost`]),
  ];
  return lines.map(printable);
}

function verdict(report: RepairReport, paint: (colour: "green" | "red", text: string) => string): string {
  const { found, remaining, recordedAt } = report;
  if (found.length === 0) return `${paint("green", "ok")}: the ledger is not damaged`;
  if (remaining.length === 0) {
    const record = recordedAt === undefined ? "" : `; ledger entry ${recordedAt} records it`;
    return `${paint("green", "mended")}: the ledger takes entries again${record}`;
  }
  const flags = remaining.flatMap(({ mend, index }) =>
    mend === "accept" ? [`--accept ${index}`] : mend === "tail" ? ["--accept-lost-tail"] : [],
  );
  const help =
    flags.length > 0 ? `; restore a backup, or give up what is lost with ${flags.join(" ")}` : "; restore a backup";
  return `${paint("red", "damaged")}: ${remaining.length} still in the way${help}`;
}

const mendTexts = {
  rewrite: "can be rebuilt",
  accept: "its bytes are lost",
  tail: "what follows is lost",
  restore: "needs a backup",
} as const satisfies Record<FoundDamage["mend"], string>;

function damageText({ index, reason, mend }: FoundDamage): string {
  return `entry ${index}: ${reason} (${mendTexts[mend]})`;
}
