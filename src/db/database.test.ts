import { databaseContract } from "../../test/contract/database.ts";
import { onBothDialects } from "../../test/contract/databases.ts";

onBothDialects(databaseContract);
