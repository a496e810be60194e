// `charter put`: stores files. One that is refused does not stop the others.
import { exitCodes, UsageError } from "../syntax.ts";
import type { Call, CommandBody } from "../command.ts";
import { complain, print, printable } from "../io.ts";
import { forEachAtOnce } from "../pool.ts";
import { Progress, progressStyle } from "../progress.ts";
import { sizeText } from "../quantity.ts";
import { receiptText } from "../receipt.ts";
import { fieldList, fieldText, recordOf } from "../record.ts";
import { refusalLines, RefusalError } from "../refusal.ts";
import { openUpload, upload } from "../upload.ts";
import type { UploadFile, UploadTerms } from "../upload.ts";

/** Files in flight together: enough to hide the wait for each commit, few enough to leave the server's places to others. */
const uploadsAtOnce = 4;
/** From this many bytes or files on, progress is worth showing. */
const largeBytes = 8 * 1024 * 1024;
const manyFiles = 8;

/** `charter put` */
export const put: CommandBody = {
  usage: "FILE... (- is stdin)",
  arity: [1, 10_000],
  options: [
    { name: "product", short: "p", value: "PRODUCT", summary: "product that owns the artifacts (required)" },
    { name: "type", short: "t", value: "TYPE", summary: "artifact type from the product's allowlist (required)" },
    { name: "tag", value: "TAG", many: true, summary: "tag to find it by" },
    { name: "metadata", value: "JSON", summary: "metadata, a JSON object" },
    { name: "derived-from", value: "ID", many: true, summary: "artifact it was made from" },
    { name: "retention", value: "CLASS", summary: "retention class of the constitution" },
    { name: "media-type", value: "TYPE", summary: "media type (application/octet-stream)" },
    { name: "idempotency-key", value: "KEY", summary: "repeat safely under this key; one file only" },
    { name: "progress", summary: "show progress, as plain lines where there is no terminal" },
  ],
  examples: [
    {
      line: "put talk.json --product AI_ASSISTANT --type ConversationArtifact",
      does: "stores one file and prints its id",
    },
    { line: "put scenes/*.mp4 -p AI_AVATAR -t MediaArtifact --tag nightly", does: "stores many files, four at a time" },
    {
      line: "put - -p AI_ASSISTANT -t ConversationArtifact --json < talk.txt",
      does: "stores stdin and answers with JSON",
    },
  ],
  run,
};

async function run(call: Call): Promise<number> {
  const terms = uploadTerms(call);
  const { io, positionals, json, client, options } = call;
  let failed = 0;
  const fail = (name: string, error: unknown): void => {
    failed++;
    if (json) print(io, JSON.stringify({ file: name, ...failureProblem(error) }));
    else complain(io, ...failureLines(name, error));
  };
  const files: UploadFile[] = [];
  await using scratch = new AsyncDisposableStack();
  for (const name of positionals) {
    const file = await openUpload(io, name).catch((error: unknown) => fail(name, error));
    if (file) files.push(scratch.use(file));
  }
  const totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const isLong = totalBytes > largeBytes || files.length > manyFiles;
  using progress = new Progress(io, progressStyle(io, isLong, options.has("progress")), totalBytes);
  const nameWidth = Math.max(0, ...files.map((file) => printable(file.name).length));
  await forEachAtOnce(files, uploadsAtOnce, async (file) => {
    progress.label(printable(file.name));
    const onBytes = (count: number): void => progress.add(count);
    const onRetry = (reason: string): void => progress.around(() => complain(io, `${printable(file.name)}: ${reason}`));
    try {
      const stored = await upload(client, file, terms, onBytes, onRetry);
      progress.around(() => print(io, ...(json ? [storedJson(file, stored)] : storedLines(file, stored, nameWidth))));
    } catch (error) {
      progress.around(() => fail(file.name, error));
    }
  });
  return failed === 0 ? exitCodes.ok : exitCodes.refused;
}

function uploadTerms({ options, positionals }: Call): UploadTerms {
  const idempotencyKey = options.text("idempotency-key");
  if (idempotencyKey !== undefined && positionals.length > 1)
    throw new UsageError("--idempotency-key goes with one file");
  if (positionals.filter((name) => name === "-").length > 1) throw new UsageError("stdin can be stored once");
  const metadata = options.text("metadata");
  if (metadata !== undefined) requireObject(metadata);
  return {
    product: options.required("product"),
    type: options.required("type"),
    tags: options.all("tag"),
    derivedFrom: options.all("derived-from"),
    retentionClass: options.text("retention"),
    metadata,
    mediaType: options.text("media-type") ?? "application/octet-stream",
    idempotencyKey,
  };
}

function requireObject(text: string): void {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return;
  } catch (error) {
    throw new UsageError(`--metadata is not JSON: ${(error as Error).message}`, { cause: error });
  }
  throw new UsageError('--metadata must be a JSON object, such as \'{"source":"crm"}\'');
}

function storedJson(file: UploadFile, stored: unknown): string {
  return JSON.stringify({ file: file.name, artifact_id: artifactId(stored), ...recordOf(stored) });
}

function storedLines(file: UploadFile, stored: unknown, nameWidth: number): string[] {
  const name = printable(file.name).padEnd(nameWidth);
  const size = sizeText(file.sizeBytes).padStart(7);
  const warnings = fieldList(stored, "warnings").map((warning) => `  warning: ${fieldText(warning, "detail") ?? ""}`);
  return [`${name}  ${artifactId(stored) ?? "?"}  ${size}  ${receiptText(stored)}`, ...warnings.map(printable)];
}

function artifactId(stored: unknown): string | undefined {
  return fieldText(stored, "artifact.artifact_id") ?? fieldText(stored, "artifact_id");
}

function failureProblem(error: unknown): object {
  if (error instanceof RefusalError) return error.problem;
  return { code: "client.failed", detail: error instanceof Error ? error.message : String(error) };
}

function failureLines(name: string, error: unknown): string[] {
  const [first = "", ...more] =
    error instanceof RefusalError ? refusalLines(error) : [error instanceof Error ? error.message : String(error)];
  return [`${printable(name)}: ${printable(first)}`, ...more];
}
