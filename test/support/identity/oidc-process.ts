// Starts the OpenID Connect provider of oidc-issuer.ts as a process of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A running provider. */
export interface OidcIssuer extends AsyncDisposable {
  /** Its URL, which is its name as an issuer. */
  readonly url: string;
}

/** Starts a provider and waits for its URL. @throws Error when it ends instead. */
export async function startOidcIssuer(): Promise<OidcIssuer> {
  const program = join(import.meta.dirname, "oidc-issuer.ts");
  const child = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] });
  const gone = once(child, "exit");
  for await (const url of createInterface(child.stdout)) {
    if (!url.startsWith("http://")) continue;
    return {
      url,
      async [Symbol.asyncDispose]() {
        child.kill();
        await gone;
      },
    };
  }
  throw new Error("the provider ended before it said its URL");
}
