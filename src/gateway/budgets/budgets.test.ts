import { budgetsContract } from "../../../test/contract/budgets.ts";
import { onBothDialects } from "../../../test/contract/databases.ts";

onBothDialects(budgetsContract);
