import { onBothDialects } from "../../test/contract/databases.ts";
import { identityContract } from "../../test/contract/identity.ts";

onBothDialects(identityContract);
