// Puts a start on record, and makes an admin and an admin's key where they are due, step by step.
import type { Accounts, KeyAdministration } from "../accounts/index.ts";
import type { Constitution } from "../constitution/index.ts";
import type { Identity } from "../identity/index.ts";
import { instant } from "../kernel/clock.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Ctx, Log } from "../kernel/ctx.ts";
import { Fault } from "../kernel/fault.ts";
import { newId } from "../kernel/ids.ts";
import type { Ledger } from "../ledger/index.ts";
import type { UnshownCredentials } from "./unshown-credentials.ts";

/** What is shown once, and never again. */
export interface FirstCredentials {
  /** An admin's key; only at the very first start or when a new one was asked for. */
  readonly adminKey?: string;
  /** The one-time password of the user `admin`; only when there was no user at all. */
  readonly adminPassword?: string;
}

interface Needs {
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly constitution: Constitution;
  readonly ledger: Ledger;
  readonly identity: Identity;
  readonly keys: KeyAdministration;
  readonly accounts: Accounts;
}

/** The steps of a beginning, and what they have made so far; an admin's key is made when there is none, or when one is asked for. */
export function beginService(house: Needs, newAdminKey: boolean, unshown: UnshownCredentials) {
  const { version, clock, log, constitution, ledger, identity, keys, accounts } = house;
  const system: Ctx = {
    principal: { id: "system", kind: "admin", product: null, role: "admin" },
    operation: "key.create",
    permission: "system.admin",
    address: "",
    requestId: newId<"request">(clock),
    signal: new AbortController().signal,
    clock,
    log,
  };
  const first: { adminKey?: string; adminPassword?: string } = {};
  const steps = [
    () =>
      ledger.append([
        {
          kind: "admin",
          time: instant(clock.nowMs()),
          principal: system.principal.id,
          principalKind: "system",
          operation: "server.start",
          constitutionHash: constitution.hash,
          requestId: system.requestId,
          note: `version ${version}; constitution ${constitution.digest}`,
        },
      ]),
    async () => {
      const isFirst = !(await identity.keys.any());
      const left = await unshown.left();
      const earlier = left?.key === undefined ? undefined : await keyOf(house, system, left.key);
      // One that was used was seen, whatever became of the note of that.
      const isUnseen = left !== undefined && (earlier?.lastUsedAt ?? null) === null;
      if (!newAdminKey && !isUnseen && !isFirst) return;
      const password = isFirst || left?.password === true;
      await unshown.note({ ...left, password });
      const { id, key } = (await keys.create(system, { kind: "admin" })).value;
      await unshown.note({ key: id, password });
      if (isUnseen && earlier?.revokedAt === null) await keys.revoke(system, earlier.id);
      first.adminKey = key;
    },
    async () => {
      const left = await unshown.left();
      const admin = await accounts.ensureFirstAdmin(system, left?.password === true);
      if (admin !== undefined) first.adminPassword = admin.oneTimePassword;
    },
  ];
  return { steps, first: first as FirstCredentials };
}

/** A key that an earlier start made; undefined when there is none, as in a database that was put back. */
async function keyOf({ keys }: Needs, system: Ctx, id: string) {
  try {
    return await keys.get(system, id);
  } catch (error) {
    if (error instanceof Fault && error.code === "key.not_found") return undefined;
    throw error;
  }
}
