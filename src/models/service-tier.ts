// The tier of service that a reply names, which decides what its tokens cost.

/** The tier that a reply, or a piece of a streamed one, names along with its usage, in any dialect; an empty object for none. */
export function tierOf(body: unknown): { readonly serviceTier?: string } {
  if (typeof body !== "object" || body === null) return {};
  const { service_tier: tier } = body as { readonly service_tier?: unknown };
  return typeof tier === "string" && tier !== "" ? { serviceTier: tier } : {};
}
