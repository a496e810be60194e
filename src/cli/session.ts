// Which server a command asks, and as whom: what was typed first, then the variables, then the profile of `charter login`.
import { Client } from "./client.ts";
import type { LocalCall } from "./command.ts";
import { Profiles } from "./profiles.ts";
import { defaultUrl } from "./syntax.ts";

/** The profile that a command uses. */
export function profileName({ io, options }: LocalCall): string {
  return options.text("profile") ?? (io.env["CHARTER_PROFILE"] || "default");
}

/** The client of a command that asks a server. A session is used with the server it was begun on and with no other. */
export function clientFor(call: LocalCall): Client {
  const { io, options } = call;
  const key = options.text("key") ?? (io.env["CHARTER_KEY"] || undefined);
  const named = options.text("url") ?? (io.env["CHARTER_URL"] || undefined);
  const profiles = new Profiles(io.env);
  const name = profileName(call);
  const profile = profiles.find(name);
  const url = named ?? profile?.url ?? defaultUrl;
  if (key !== undefined || profile === undefined) return new Client(url, key);
  const client = new Client(url, () => profiles.token(name, profile));
  return client.url === profile.url ? client : new Client(url);
}
