import { onBothDialects } from "../../../test/contract/databases.ts";
import { oauthContract } from "../../../test/contract/oauth.ts";

onBothDialects(oauthContract);
