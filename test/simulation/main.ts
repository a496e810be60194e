// `npm run sim`: runs simulations and says what came of them. Everything that Charter loads is loaded after the doors are replaced.
import { openDiskDoors } from "./doors-disk.ts";
import { openSqliteDoors } from "./doors-sqlite.ts";
import { enter, now, openTimeDoors } from "./doors-time.ts";
import { openHooks } from "./hooks.ts";
import { mutationOf } from "./mutations.ts";
import { openNetworkDoors } from "./network.ts";
import { Random } from "./random.ts";
import { rememberSchemas } from "./remembered.ts";
import { Timeline } from "./timeline.ts";

const [, named] = /^--mutation=(.*)$/m.exec(process.argv.join("\n")) ?? [];
openHooks(named === undefined ? undefined : mutationOf(named));
rememberSchemas();
openTimeDoors();
openDiskDoors();
openNetworkDoors();
openSqliteDoors();
const chance = new Random(0);
enter({ timeline: new Timeline(chance), chance });
const { command } = await import("./command.ts");
for (const name of ["uncaughtException", "unhandledRejection"])
  process.on(name, (error) => now().timeline.escaped(error));
process.exitCode = await command(process.argv.slice(2));
