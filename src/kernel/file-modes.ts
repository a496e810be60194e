// Modes of what Charter keeps for itself. They are named at every place that makes a file, so that neither the folder around
// it nor the umask of the process opens it to other users.

/** Mode of a file that only the user who runs Charter reads and writes. */
export const privateFileMode = 0o600;
/** Mode of a folder that only the user who runs Charter enters. */
export const privateFolderMode = 0o700;
/** The bits of a mode that let anybody else in. */
export const othersBits = 0o077;
/** The umask of a server: it covers what a library makes without naming a mode. */
export const privateUmask = 0o077;
