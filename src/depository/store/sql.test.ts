import { onBothDialects } from "../../../test/contract/databases.ts";
import { depositoryStoreContract } from "../../../test/contract/depository-store.ts";

onBothDialects(depositoryStoreContract);
