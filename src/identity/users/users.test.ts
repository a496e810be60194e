import { onBothDialects } from "../../../test/contract/databases.ts";
import { usersContract } from "../../../test/contract/users.ts";

onBothDialects(usersContract);
