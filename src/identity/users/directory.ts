// Users and passwords, put together over a database that has run `userMigrations`.
import type { Database } from "../../db/index.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { Meter } from "../../kernel/meter.ts";
import type { Counter } from "../rates/counter.ts";
import { PasswordHasher } from "./password-hasher.ts";
import { PasswordPolicy } from "./password-policy.ts";
import type { PolicyName } from "./password-policy.ts";
import { PasswordWorker } from "./password-worker.ts";
import { PasswordSignIn } from "./sign-in.ts";
import type { SignIn } from "./sign-in.ts";
import { UserReader } from "./user-reader.ts";
import { StoredUserWriter } from "./user-writer.ts";
import type { Users, UserWriter } from "./users.ts";

/** The users of an installation. `writer` is for acts only. */
export interface UserDirectory extends AsyncDisposable {
  readonly users: Users;
  readonly writer: UserWriter;
  readonly signIn: SignIn;
  readonly hasher: PasswordHasher;
  readonly policy: PasswordPolicy;
}

/** What a directory is opened with. */
export interface DirectoryParts {
  readonly db: Database;
  readonly clock: Clock;
  /** Counts failed logins. */
  readonly counter: Counter;
  readonly passwordPolicy: PolicyName;
  readonly requireVerifiedEmail: boolean;
  /** Told the id of every user whose status may have changed. */
  readonly changed?: (id: string) => void;
  /** Nothing is measured when it is absent. */
  readonly meter?: Meter;
}

/** Opens the directory. */
export function openUserDirectory(parts: DirectoryParts): UserDirectory {
  const { db, clock, counter, passwordPolicy, requireVerifiedEmail, changed, meter } = parts;
  const worker = new PasswordWorker();
  const hasher = new PasswordHasher(worker);
  const users = new UserReader(db, clock, changed);
  return {
    users,
    writer: new StoredUserWriter(db, clock),
    signIn: new PasswordSignIn({ users, hasher, counter, requireVerifiedEmail, meter }),
    hasher,
    policy: new PasswordPolicy(worker, passwordPolicy),
    [Symbol.asyncDispose]: () => worker[Symbol.asyncDispose](),
  };
}
