// The list of commands, in the order of their help. The file of a command is read only when it is asked for.
import type { CommandBody, CommandEntry } from "./command.ts";

/** Every command of the program. */
export const commands: readonly CommandEntry[] = [
  listed(
    "serve",
    "Start the server and run until it is stopped",
    async () => (await import("./commands/serve.ts")).serve,
  ),
  listed(
    "config",
    "Show the configuration in force, secrets masked, and where each value came from",
    async () => (await import("./commands/config.ts")).config,
  ),
  listed(
    "doctor",
    "Check disk, permissions, clock, ledger and database of this machine's Charter",
    async () => (await import("./commands/doctor.ts")).doctor,
  ),
  listed(
    "certs dev",
    "Make a local certificate authority and a server certificate for development",
    async () => (await import("./commands/certs.ts")).certsDev,
  ),
  listed(
    "status",
    "Show whether a server takes writes, and what stands in the way",
    async () => (await import("./commands/status.ts")).status,
  ),
  listed("put", "Store files as artifacts", async () => (await import("./commands/put.ts")).put),
  listed(
    "get",
    "Fetch an artifact's content, verified against its digest, or its record",
    async () => (await import("./commands/get.ts")).get,
  ),
  listed("ls", "List artifacts", async () => (await import("./commands/ls.ts")).ls),
  listed("hold", "Set or clear a legal hold on an artifact", async () => (await import("./commands/hold.ts")).hold),
  listed(
    "proof",
    "Fetch the receipt of an artifact with its inclusion proof",
    async () => (await import("./commands/proof.ts")).proof,
  ),
  listed(
    "lineage",
    "Show what an artifact was made from and what was made from it",
    async () => (await import("./commands/lineage.ts")).lineage,
  ),
  listed(
    "scrub",
    "Re-hash everything that is stored and report what is damaged",
    async () => (await import("./commands/scrub.ts")).scrub,
  ),
  listed(
    "products",
    "List products and how full their quotas are",
    async () => (await import("./commands/products.ts")).products,
  ),
  listed(
    "types",
    "List the artifact types that products may store",
    async () => (await import("./commands/products.ts")).types,
  ),
  listed(
    "keys create",
    "Create an API key; it is shown once",
    async () => (await import("./commands/keys.ts")).keysCreate,
  ),
  listed(
    "keys list",
    "List the API keys, without their secrets",
    async () => (await import("./commands/keys.ts")).keysList,
  ),
  listed("keys revoke", "Revoke an API key at once", async () => (await import("./commands/keys.ts")).keysRevoke),
  listed(
    "keys rotate",
    "Sign access tokens with a new key; tokens of the old one stay good until they expire",
    async () => (await import("./commands/keys-rotate.ts")).keysRotate,
  ),
  listed(
    "clients create",
    "Register an OAuth client; its secret is shown once",
    async () => (await import("./commands/clients.ts")).clientsCreate,
  ),
  listed(
    "clients list",
    "List the OAuth clients, without their secrets",
    async () => (await import("./commands/clients.ts")).clientsList,
  ),
  listed(
    "clients revoke",
    "Revoke an OAuth client and every token that it got",
    async () => (await import("./commands/clients.ts")).clientsRevoke,
  ),
  listed(
    "login",
    "Sign in with a password and keep the session",
    async () => (await import("./commands/login.ts")).login,
  ),
  listed(
    "whoami",
    "Show who you are to the server and what you may do",
    async () => (await import("./commands/login.ts")).whoami,
  ),
  listed("passwd", "Change your password", async () => (await import("./commands/login.ts")).passwd),
  listed("logout", "End the session and forget it", async () => (await import("./commands/login.ts")).logout),
  listed(
    "users create",
    "Create a user; its one-time password is shown once",
    async () => (await import("./commands/users.ts")).usersCreate,
  ),
  listed("users list", "List the users, newest first", async () => (await import("./commands/users.ts")).usersList),
  listed("users show", "Show one user", async () => (await import("./commands/users.ts")).usersShow),
  listed(
    "users set-role",
    "Change what a user may do: its role, kind and product",
    async () => (await import("./commands/users.ts")).usersSetRole,
  ),
  listed(
    "users disable",
    "Disable a user and end its sessions",
    async () => (await import("./commands/users.ts")).usersDisable,
  ),
  listed("users enable", "Enable a user again", async () => (await import("./commands/users.ts")).usersEnable),
  listed(
    "users reset-password",
    "Give a user a one-time password, which is shown once, and end its sessions",
    async () => (await import("./commands/users.ts")).usersResetPassword,
  ),
  listed(
    "users import",
    "Take over users with bcrypt or Argon2 hashes, one JSON object per line",
    async () => (await import("./commands/users-import.ts")).usersImport,
  ),
  listed(
    "halts list",
    "List the products and credentials whose writes are halted, and why",
    async () => (await import("./commands/halts.ts")).haltsList,
  ),
  listed(
    "halts clear",
    "Let halted writes go on; the reason goes on record as a digest",
    async () => (await import("./commands/halts.ts")).haltsClear,
  ),
  listed(
    "models",
    "List the models that you may call, by tier, with their state and price",
    async () => (await import("./commands/models.ts")).models,
  ),
  listed(
    "models check",
    "Ask providers whether they know the server's keys; no model is called",
    async () => (await import("./commands/models.ts")).modelsCheck,
  ),
  listed(
    "chat",
    "Ask a model; the answer streams, then tier, model and cost are shown",
    async () => (await import("./commands/chat.ts")).chat,
  ),
  listed(
    "route explain",
    "Rank the models for one request and say why; no provider is called",
    async () => (await import("./commands/route.ts")).routeExplain,
  ),
  listed(
    "route score",
    "Score how strong a model prompts need, one JSON object per line on stdin",
    async () => (await import("./commands/route-score.ts")).routeScore,
  ),
  listed(
    "price",
    "Price model calls by what their providers reported, one JSON object per line on stdin",
    async () => (await import("./commands/price.ts")).price,
  ),
  listed(
    "breakers",
    "Show the circuit breakers, or close them by hand",
    async () => (await import("./commands/models.ts")).breakers,
  ),
  listed(
    "budget show",
    "Show what budgets have used, hold and have left",
    async () => (await import("./commands/budget.ts")).budgetShow,
  ),
  listed(
    "budget set",
    "Set a budget; it takes the place of the one for the same calls, unit and window",
    async () => (await import("./commands/budget.ts")).budgetSet,
  ),
  listed(
    "budget clear",
    "Take a budget out of force; it stays in the history",
    async () => (await import("./commands/budget.ts")).budgetClear,
  ),
  listed(
    "usage",
    "Show what calls have used and cost, by model, key, product, project, provider or day",
    async () => (await import("./commands/usage.ts")).usage,
  ),
  listed(
    "ledger verify",
    "Verify every entry, hash and signature of a ledger",
    async () => (await import("./commands/ledger-verify.ts")).ledgerVerify,
  ),
  listed(
    "ledger checkpoint",
    "Show the newest signed checkpoint",
    async () => (await import("./commands/ledger-read.ts")).ledgerCheckpoint,
  ),
  listed(
    "ledger entries",
    "List entries of the ledger, oldest first",
    async () => (await import("./commands/ledger-read.ts")).ledgerEntries,
  ),
  listed(
    "ledger proof",
    "Fetch the proof that an entry is in the log",
    async () => (await import("./commands/ledger-read.ts")).ledgerProof,
  ),
  listed(
    "ledger export",
    "Copy the ledger into a folder, as static tlog-tiles files",
    async () => (await import("./commands/ledger-export.ts")).ledgerExport,
  ),
  listed(
    "ledger repair",
    "Mend a damaged ledger of this machine; the server must be stopped",
    async () => (await import("./commands/ledger-repair.ts")).ledgerRepair,
  ),
  listed(
    "constitution show",
    "Show the articles, policies, products and limits of a constitution",
    async () => (await import("./commands/constitution.ts")).constitutionShow,
  ),
  listed(
    "constitution hash",
    "Compute the hash of a constitution",
    async () => (await import("./commands/constitution.ts")).constitutionHash,
  ),
  listed(
    "constitution validate",
    "Check a constitution and name every problem with file, line and column",
    async () => (await import("./commands/constitution.ts")).constitutionValidate,
  ),
  listed(
    "constitution explain",
    "Decide a request, name what determined it and what would make it pass",
    async () => (await import("./commands/constitution.ts")).constitutionExplain,
  ),
  listed("completion", "Print what a shell needs to complete charter's commands", async () =>
    (await import("./commands/completion.ts")).completionOf(commands),
  ),
];

function listed(name: string, summary: string, load: () => Promise<CommandBody>): CommandEntry {
  return { name, summary, load };
}
