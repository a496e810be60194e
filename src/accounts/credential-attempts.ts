// What attempts on credentials ask of the constitution.

/** What an admin does to the credentials and accounts of others: by admins that belong to no product. */
export const manageCredentials = { action: "MANAGE_GOVERNANCE", target: { kind: "key", product: null } } as const;

/** A credential that someone makes for itself is something new; nothing that exists is changed by it (RULE_01). */
export const ownIdentity = { action: "CREATE", target: { kind: "identity", product: null } } as const;
