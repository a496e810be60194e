// One of several processes that share a Redis: says it is ready, takes from one key as often as it is told once a line
// comes in, and prints how many takes were admitted.
import { once } from "node:events";
import { openRedisCounter } from "../../../src/identity/rates/redis-counter.ts";
import { systemClock } from "../../../src/kernel/clock.ts";
import { silentLog } from "../../../src/kernel/ctx.ts";

const [key = "", takes = "0", limit = "1", windowMs = "1"] = process.argv.slice(2);
const url = process.env["CHARTER_TEST_REDIS_URL"] ?? "";
await using counter = await openRedisCounter({ url, timeoutMs: 30_000, clock: systemClock, log: silentLog });
process.stdout.write("ready\n");
await once(process.stdin, "data");
process.stdin.destroy();
let admitted = 0;
await Promise.all(
  Array.from({ length: Number(takes) }, async () => {
    const taken = await counter.take(key, { limit: Number(limit), windowMs: Number(windowMs) });
    if (taken.allowed) admitted++;
  }),
);
process.stdout.write(`${admitted}\n`);
