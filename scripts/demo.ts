// `npm run demo`: a throwaway Charter in its own process, and everything it promises, shown on real input.
//
// 1. Every statement that is printed was checked first; one that does not hold ends the demo with exit status 1.
// 2. Nothing is left behind: servers are stopped and folders removed, also after Ctrl-C.
import { startThrowaway } from "../test/support/servers/throwaway.ts";
import type { Throwaway } from "../test/support/servers/throwaway.ts";
import { Claims } from "./demo/claims.ts";
import { proveOne, showTampering, takeAway, verifierStandsAlone, verifyCopy, verifyWithGo } from "./demo/evidence.ts";
import { showFullHouse } from "./demo/limits.ts";
import { showLineage } from "./demo/lineage.ts";
import { projectFiles, shares } from "./demo/products.ts";
import type { Product } from "./demo/products.ts";
import { showHalt, showRefusals } from "./demo/refusals.ts";
import type { Cast } from "./demo/refusals.ts";
import { Screen } from "./demo/screen.ts";
import { storeEverything } from "./demo/storing.ts";
import type { StoredFile } from "./demo/storing.ts";

/** The file that is followed to the signature, and whose entry is altered in a copy. */
const chosenPath = "package-lock.json";

async function makeProducts(server: Throwaway): Promise<Product[]> {
  const products: Product[] = [];
  for (const { name, type } of shares) products.push({ name, type, key: await server.keyFor("product", name) });
  return products;
}

async function makeCast(server: Throwaway, products: readonly Product[], stored: readonly StoredFile[]): Promise<Cast> {
  const keyOf = (name: string): string => products.find((product) => product.name === name)?.key ?? "";
  const fileOf = (name: string): StoredFile => {
    const found = stored.find(({ product }) => product.name === name);
    if (found === undefined) throw new Error(`${name} stored nothing`);
    return found;
  };
  return {
    url: server.url,
    admin: server.adminKey,
    assistant: keyOf("AI_ASSISTANT"),
    gurukul: keyOf("GURUKUL"),
    enforcement: keyOf("ENFORCEMENT"),
    agent: await server.keyFor("ai_agent", "AI_ASSISTANT"),
    executor: await server.keyFor("executor", "ENFORCEMENT", "admin"),
    theirs: fileOf("AI_ASSISTANT"),
    record: fileOf("ENFORCEMENT"),
  };
}

/** Runs the demo on a server. */
async function demonstrate(screen: Screen, claims: Claims, server: Throwaway): Promise<void> {
  const files = projectFiles();
  screen.line(screen.tone("bold", "Charter: what agents did, who allowed it, and how a stranger can tell"));
  screen.line();
  screen.prose(
    `A throwaway server runs on ${server.url} under constitution ${server.constitutionHash}. Everything below is real: ` +
      "requests over HTTP, files of this project, and answers as they came. Each statement is checked before it is printed.",
  );

  screen.section(`Four products store ${files.length} real files at the same time`);
  const products = await makeProducts(server);
  const stored = await storeEverything(screen, claims, server.url, products, files);

  screen.section("What was made from what");
  await showLineage(screen, claims, server.url, stored);

  screen.section("What is refused, and how a refusal is explained");
  const cast = await makeCast(server, products, stored);
  await showRefusals(screen, claims, cast);

  screen.section("An executor oversteps");
  await showHalt(screen, claims, cast);

  screen.section("No room left (a second server under a constitution with small numbers)");
  await showFullHouse(screen, claims, server.constitutionHash);

  const chosen = stored.find(({ file }) => file.path === chosenPath);
  if (chosen === undefined) throw new Error(`${chosenPath} was not stored`);
  screen.section("The ledger leaves the house");
  const taken = await takeAway(screen, claims, server, chosen);

  screen.section("A stranger verifies all of it");
  await verifyCopy(screen, claims, taken);
  verifierStandsAlone(claims);
  screen.holds("the verifier imports nothing of the server that wrote the ledger");

  screen.section("A stranger verifies one artifact, offline");
  proveOne(screen, claims, chosen, taken.evidence);

  screen.section("Someone edits the record");
  await showTampering(screen, claims, taken, chosen.outcomeIndex);
  screen.holds(`the failure names the entry that was edited: the receipt of ${chosenPath}`);

  screen.section("Other people's code agrees (golang.org/x/mod/sumdb)");
  const withGo = await verifyWithGo(screen, claims, taken);

  screen.line();
  screen.line(screen.tone("bold", "In short"));
  screen.line();
  screen.prose(
    `${stored.length} files stored by four products, ${taken.size} ledger entries, every refusal explained. ` +
      `The record was verified by ${withGo ? "two programs that" : "a program that"} did not write it, and one flipped bit did not go unnoticed. ` +
      `${claims.kept} claims were checked; all of them held.`,
  );
}

/** Runs the demo and gives the exit status. */
async function main(): Promise<number> {
  const screen = new Screen(process.stdout, process.env);
  const interruption = Promise.withResolvers<number>();
  process.once("SIGINT", () => interruption.resolve(130));
  process.once("SIGTERM", () => interruption.resolve(143));
  const server = await startThrowaway();
  const shown = demonstrate(screen, new Claims(), server).then(
    () => 0,
    (error: unknown) => {
      screen.line();
      screen.line(screen.tone("red", "  The demo stops here: something was not as claimed."));
      screen.line(`  ${error instanceof Error ? error.message : String(error)}`);
      return 1;
    },
  );
  const status = await Promise.race([shown, interruption.promise]);
  // An interrupted demo says no more; without its server it soon ends, and takes down what else it had started.
  screen.close();
  await server[Symbol.asyncDispose]();
  await shown;
  return status;
}

process.exitCode = await main();
