// Builds dist/, the JavaScript that the published package runs: Node strips types from a checkout but not from packages
// under node_modules. The new folder replaces the old one only when it is complete.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, globSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const dist = join(root, "dist");
const fresh = join(root, `dist.${process.pid}`);

/** Files of a build without which the package is of no use. */
const needed = ["cli/main.js", "app.js"];

function build(): void {
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const compiled = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json", "--outDir", fresh], {
    cwd: root,
    stdio: "inherit",
  });
  if (compiled.status !== 0) throw new Error("the compiler found errors");
  for (const asset of globSync("src/**/*", { cwd: root, withFileTypes: true })) {
    if (!asset.isFile() || /[.](ts|md)$/.test(asset.name)) continue;
    const from = join(asset.parentPath, asset.name);
    const to = join(fresh, from.slice(join(root, "src").length));
    mkdirSync(dirname(to), { recursive: true });
    cpSync(from, to);
  }
  for (const file of needed) {
    if (!existsSync(join(fresh, file))) throw new Error(`the build lacks ${file}`);
  }
  rmSync(dist, { recursive: true, force: true });
  renameSync(fresh, dist);
}

try {
  build();
} catch (error) {
  console.error(`build: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
