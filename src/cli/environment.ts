// The process's own environment: the only place that reads it.

/** Variable by which bin/charter.cjs tells its child which descriptor ends when the launcher does. */
const tetherVariable = "CHARTER_TETHER_FD";

/** The environment of this process, and the tether's descriptor if a launcher gave one. */
export interface ProcessEnvironment {
  /** Everything but the tether's marker. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly tetherFd: number | undefined;
}

/** Reads the environment once. The tether's marker is taken out, so that no child of ours mistakes itself for the launcher's. */
export function processEnvironment(): ProcessEnvironment {
  const marker = process.env[tetherVariable];
  delete process.env[tetherVariable];
  const tetherFd = marker !== undefined && /^\d{1,4}$/.test(marker) ? Number(marker) : undefined;
  return { env: { ...process.env }, tetherFd };
}
