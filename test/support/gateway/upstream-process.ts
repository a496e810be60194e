// A scripted upstream as a process: `node test/support/gateway/upstream-process.ts --port 0` prints one line, {"url"}, and serves
// until it is stopped.
import { parseArgs } from "node:util";
import { startUpstream } from "./upstream.ts";

const { values } = parseArgs({ options: { port: { type: "string", default: "0" } } });
const upstream = await startUpstream(Number(values.port));
// Whoever started it may be killed; it does not outlive that.
process.once("disconnect", () => process.exit());
process.stdout.write(`${JSON.stringify({ url: upstream.url })}\n`);
