// What can be wrong with a configuration, before anything has started.

/** Codes of the configuration's faults, each with its public sentence. */
export const configCodes = {
  "config.invalid": "The configuration names something unknown or gives a value that cannot be used.",
  "config.unreadable": "A configuration file was named but cannot be read.",
} as const;
