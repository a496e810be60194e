import { budgetsContract } from "../../test/contract/budgets.ts";
import { onPostgres, sqlitePlace } from "../../test/contract/databases.ts";

onPostgres((name, places) => budgetsContract(name, places));
budgetsContract("SQLite", sqlitePlace, true);
