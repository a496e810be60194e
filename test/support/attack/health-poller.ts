// A caller in a process of its own that asks for `/health` again and again on one connection and remembers the longest wait.
// Started with the server's URL; tells and forgets the longest wait, in milliseconds, when its parent sends a message.
import { Agent, get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const url = process.argv[2] ?? "";
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
/** Pause between two questions, milliseconds. */
const pauseMs = 2;

let longestMs = 0;
process.on("message", () => {
  process.send?.(longestMs);
  longestMs = 0;
});
process.on("disconnect", () => process.exit(0));

function ask(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const question = get(`${url}/health`, { agent }, (answer) => answer.resume().once("close", resolve));
  question.once("error", () => resolve());
  return promise;
}

for (;;) {
  const startMs = performance.now();
  await ask();
  longestMs = Math.max(longestMs, performance.now() - startMs);
  await sleep(pauseMs);
}
