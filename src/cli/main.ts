// The process: reads the environment, ties itself to its launcher, runs one command and leaves its exit code.
import { processEnvironment } from "./environment.ts";
import { runProgram } from "./program.ts";
import { holdTether } from "./parent-watch.ts";

const { env, tetherFd } = processEnvironment();
if (tetherFd !== undefined) holdTether(tetherFd);

// A reader that has seen enough (`charter ls | head`) closes the pipe; that is not an error of ours. What cannot be written for
// another reason is.
let isUnwritten = false;
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  if (!isUnwritten) process.stderr.write(`charter: the answer cannot be written: ${error.message}\n`);
  isUnwritten = true;
  process.exitCode = 1;
});

// What cannot be said there is lost, and nothing else is.
process.stderr.on("error", () => {});

const code = await runProgram(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env,
  cwd: process.cwd(),
});
process.exitCode = code === 0 && isUnwritten ? 1 : code;
