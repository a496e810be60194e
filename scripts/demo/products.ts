// The four products of the demo, and the real files that they store: this project's own source tree and lockfile.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { extname, join, resolve } from "node:path";

/** The root of this checkout. */
export const projectRoot = resolve(import.meta.dirname, "../..");

/** A product with its key. */
export interface Product {
  readonly name: string;
  readonly type: string;
  readonly key: string;
}

/** The products, the one type that each may store, and its share of the writes in percent (facts A3). */
export const shares = [
  { name: "AI_ASSISTANT", type: "ConversationArtifact", percent: 40 },
  { name: "AI_AVATAR", type: "MediaArtifact", percent: 30 },
  { name: "GURUKUL", type: "ContentArtifact", percent: 20 },
  { name: "ENFORCEMENT", type: "DecisionArtifact", percent: 10 },
] as const;

/** A file on disk. */
export interface SourceFile {
  /** Relative to the project's root. */
  readonly path: string;
  readonly bytes: Buffer;
  readonly mediaType: string;
}

const mediaTypes: Readonly<Record<string, string>> = {
  ".json": "application/json",
  ".yaml": "application/yaml",
  ".md": "text/markdown",
  ".ts": "text/plain",
  ".go": "text/plain",
  ".cedar": "text/plain",
};

/** Folders that a walk leaves out: what was installed, built or stored. */
const notOurs: ReadonlySet<string> = new Set([
  ".git",
  "node_modules",
  "dist",
  "coverage",
  "charter-data",
  ".cache",
  ".dev",
]);

/** Every file of the project: what git tracks, or where there is no git, what a walk finds. */
export function projectFiles(): SourceFile[] {
  return namesFromGit()
    .concat(["package-lock.json"])
    .filter((path, at, all) => all.indexOf(path) === at)
    .flatMap((path) => {
      const bytes = readIfThere(join(projectRoot, path));
      return bytes === undefined ? [] : [{ path, bytes, mediaType: mediaTypes[extname(path)] ?? "text/plain" }];
    });
}

function namesFromGit(): string[] {
  try {
    const listed = execFileSync("git", ["ls-files", "-z"], { cwd: projectRoot, stdio: ["ignore", "pipe", "ignore"] });
    const names = listed.toString("utf8").split("\0").filter(Boolean);
    return names.length > 0 ? names : namesFromWalk();
  } catch {
    return namesFromWalk();
  }
}

function namesFromWalk(folder = ""): string[] {
  return readdirSync(join(projectRoot, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return notOurs.has(entry.name) ? [] : namesFromWalk(path);
    return entry.isFile() ? [path] : [];
  });
}

/** A tracked file may have been deleted since; everything else that is wrong is an error. */
function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Deals files out by the products' shares, in rounds of ten. */
export function dealt(files: readonly SourceFile[]): SourceFile[][] {
  const turns = shares.flatMap(({ percent }, product) => Array.from({ length: percent / 10 }, () => product));
  return shares.map((_, product) => files.filter((_file, at) => turns[at % turns.length] === product));
}
