// `npm run sim`: runs simulations and says what came of them. Everything that Charter loads is loaded after the doors are replaced.
import { openDiskDoors } from "./doors-disk.ts";
import { openSqliteDoors } from "./doors-sqlite.ts";
import { enter, openTimeDoors } from "./doors-time.ts";
import { openHooks } from "./hooks.ts";
import { openNetworkDoors } from "./network.ts";
import { Random } from "./random.ts";
import { Timeline } from "./timeline.ts";

openHooks();
openTimeDoors();
openDiskDoors();
openNetworkDoors();
openSqliteDoors();
const chance = new Random(0);
enter({ timeline: new Timeline(chance), chance });
const { command } = await import("./command.ts");
process.exitCode = await command(process.argv.slice(2));
