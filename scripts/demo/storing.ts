// The four products store real files at the same time, and every answer is checked against the file on disk.
import { createHash } from "node:crypto";
import { extname } from "node:path";
import { sizeText } from "../../src/cli/quantity.ts";
import { table } from "../../src/cli/table.ts";
import { ask } from "./caller.ts";
import type { Claims } from "./claims.ts";
import { dealt } from "./products.ts";
import type { Product, SourceFile } from "./products.ts";
import type { Screen } from "./screen.ts";

/** Uploads that each product has under way at once. */
const uploadsAtOnce = 8;

/** A file that was stored, and what the server said. */
export interface StoredFile {
  readonly file: SourceFile;
  readonly product: Product;
  readonly artifactId: string;
  readonly intentIndex: number;
  readonly outcomeIndex: number;
}

/** SHA-256 as 64 hex digits. */
export function sha256Hex(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

interface Share {
  readonly product: Product;
  readonly files: readonly SourceFile[];
  readonly stored: StoredFile[];
  seconds: number;
}

/** Stores everything and shows a table; gives what was stored. */
export async function storeEverything(
  screen: Screen,
  claims: Claims,
  url: string,
  products: readonly Product[],
  files: readonly SourceFile[],
): Promise<readonly StoredFile[]> {
  const hands = dealt(files);
  const parts: Share[] = products.map((product, at) => ({ product, files: hands[at] ?? [], stored: [], seconds: 0 }));
  const began = performance.now();
  const elapsed = (): number => (performance.now() - began) / 1000;
  const count = (): number => parts.reduce((sum, { stored }) => sum + stored.length, 0);
  const progress = (): string =>
    `${String(count()).padStart(4)} of ${files.length} files  ${parts
      .map(({ product, stored, files }) => `${product.name} ${stored.length}/${files.length}`)
      .join("  ")}  ${(count() / elapsed()).toFixed(0)}/s`;

  await screen.live(progress, () =>
    Promise.all(
      parts.map(async (part) => {
        await storeShare(url, part, claims);
        part.seconds = elapsed();
      }),
    ),
  );
  const all = parts.flatMap(({ stored }) => stored);
  claims.check(all.length === files.length, "every file was stored", all.length);
  const leaves = new Set(all.flatMap(({ intentIndex, outcomeIndex }) => [intentIndex, outcomeIndex]));
  claims.check(leaves.size === 2 * all.length, "no two receipts share a ledger entry", leaves.size);
  screen.lines(summary(parts, Math.max(...parts.map(({ seconds }) => seconds))));
  screen.line();
  screen.holds("every answer names the SHA-256 of the file on this disk");
  screen.holds("every receipt names two ledger entries of its own: the intent before, the outcome after");
  return all;
}

async function storeShare(url: string, part: Share, claims: Claims): Promise<void> {
  const waiting = part.files.values();
  const uploader = async (): Promise<void> => {
    for (const file of waiting) part.stored.push(await store(url, part.product, file, claims));
  };
  await Promise.all(Array.from({ length: uploadsAtOnce }, uploader));
}

/** Stores one file as a streamed body with its digest declared. */
async function store(url: string, product: Product, file: SourceFile, claims: Claims): Promise<StoredFile> {
  const digest = createHash("sha256").update(file.bytes).digest();
  const tag = extname(file.path).slice(1) || "plain";
  const { status, json, text } = await ask(
    url,
    `/v1/artifacts?product=${product.name}&type=${product.type}&tag=${tag}`,
    {
      key: product.key,
      method: "POST",
      body: file.bytes,
      headers: {
        "content-type": file.mediaType,
        "content-digest": `sha-256=:${digest.toString("base64")}:`,
        "charter-metadata": Buffer.from(JSON.stringify({ path: file.path })).toString("base64url"),
      },
    },
  );
  claims.check(status === 201, `${file.path} was stored`, text);
  const { artifact, receipt } = json as {
    artifact: { artifact_id: string; content_hash: string };
    receipt: { intent_index: number; outcome_index: number };
  };
  const isOurs = artifact.content_hash === `sha256:${digest.toString("hex")}`;
  claims.check(isOurs, `the server hashed ${file.path} to the same digest`, artifact.content_hash);
  const { intent_index: intentIndex, outcome_index: outcomeIndex } = receipt;
  claims.check(outcomeIndex > intentIndex, "the outcome came after the intent", receipt);
  return { file, product, artifactId: artifact.artifact_id, intentIndex, outcomeIndex };
}

function summary(parts: readonly Share[], seconds: number): string[] {
  const row = (name: string, type: string, stored: readonly StoredFile[], took: number): string[] => {
    const bytes = stored.reduce((sum, { file }) => sum + file.bytes.length, 0);
    return [
      name,
      type,
      String(stored.length),
      sizeText(bytes),
      took.toFixed(2),
      `${(stored.length / took).toFixed(0)}/s`,
      String(stored.length),
    ];
  };
  const rows = parts.map(({ product, stored, seconds }) => row(product.name, product.type, stored, seconds));
  const all = row(
    "together",
    "",
    parts.flatMap(({ stored }) => stored),
    seconds,
  );
  return table(["product", "type", "files", "bytes", "seconds", "rate", "receipts"], [...rows, all], [2, 3, 4, 5, 6]);
}
