import { budgetsContract } from "../../test/contract/budgets.ts";
import { onPostgres, sqlitePlace } from "../../test/contract/databases.ts";

onPostgres((name, places) => budgetsContract(name, places));
onPostgres((name, places) =>
  budgetsContract(`${name} with leases from the first call on`, places, false, { after: 1, lifeMs: 10_000 }),
);
budgetsContract("SQLite", sqlitePlace, true);
