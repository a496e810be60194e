// Loaded into a server before it starts (`node --import`): every caller is taken for the admin, unchecked. It is the base
// that authentication is measured against, and lies here so that nothing in the program can be told to do this.
import { KeyAuthenticator } from "../../src/identity/authenticator.ts";
import type { Principal } from "../../src/kernel/ctx.ts";

const caller: Principal = { id: "key_benchmark", kind: "admin", product: null, role: "admin" };

const credential = { kind: "external", principal: caller, expiresMs: Number.POSITIVE_INFINITY } as const;
KeyAuthenticator.prototype.identify = async () => ({ principal: caller, credential });
