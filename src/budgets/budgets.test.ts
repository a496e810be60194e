import { budgetsContract } from "../../test/contract/budgets.ts";
import { onBothDialects, sqlitePlace } from "../../test/contract/databases.ts";

onBothDialects(budgetsContract);
budgetsContract("SQLite by a process that is alone", sqlitePlace, true);
