// A request by which something is looked up at a provider: no model is called, and neither breakers nor keys change by how it goes.
import { keyHeaderOf } from "../models/index.ts";
import type { ListRequest, Provider } from "../models/index.ts";
import type { Deadlines, Upstream, UpstreamAnswer } from "../outbound/index.ts";

/** How long an answer is waited for, milliseconds. */
const deadlines: Deadlines = { connectMs: 5_000, headersMs: 10_000, idleMs: 5_000, totalMs: 15_000 };

/** What is looked up, with one of the provider's keys or with none. */
export interface Looking extends ListRequest {
  readonly secret: string | undefined;
  readonly signal: AbortSignal;
}

/** Asks; the answer may be of any status. @throws UpstreamFault, or the signal's reason. */
export function lookUp(
  provider: Provider,
  upstream: Upstream,
  { path, headers, secret, signal }: Looking,
): Promise<UpstreamAnswer> {
  const shown = secret === undefined ? {} : keyHeaderOf(provider, secret);
  return upstream.send({
    method: "GET",
    path,
    headers: { ...provider.headers, ...headers, ...shown },
    body: "",
    deadlines,
    signal,
  });
}
