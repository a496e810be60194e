// Keys and users: made, used, ended. What was ended stays ended, whatever happens to the machine.
import { isUnknown } from "./client.ts";
import type { Told } from "./client.ts";
import type { Random } from "./random.ts";
import { asked, checkTruth, holds, listed } from "./work.ts";
import type { Seen, Surroundings, Work } from "./work.ts";

/** A key and what its maker knows of it. */
interface Key {
  readonly id: string;
  readonly text: string;
  readonly owner: string | undefined;
  state: "good" | "perhaps ended" | "ended";
}

interface User {
  readonly id: string;
  state: "good" | "perhaps ended" | "ended";
}

/** The work. */
export class KeyWork implements Work {
  readonly name = "keys";
  readonly #around: Surroundings;
  readonly #keys: Key[] = [];
  readonly #users: User[] = [];
  #count = 0;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  async act(chance: Random): Promise<void> {
    const [key, user] = [
      this.#keys[chance.below(this.#keys.length + 1)],
      this.#users[chance.below(this.#users.length + 1)],
    ];
    if (chance.chance(0.2)) return this.#makeUser();
    if (key === undefined || chance.chance(0.3)) return this.#makeKey(user);
    if (chance.chance(0.6)) return this.#use(key);
    if (user !== undefined && chance.chance(0.3)) return this.#disable(user);
    return this.#revoke(key);
  }

  #admin(path: string, body?: object, method?: string): Promise<Told> {
    const terms = { key: this.#around.adminKey(), ...(body && { body }), ...(method === undefined ? {} : { method }) };
    return asked(this.#around, path, terms);
  }

  async #makeUser(): Promise<void> {
    const username = `person${++this.#count}`;
    const terms = { username, email: `${username}@example.org`, kind: "product", product: "AI_ASSISTANT" };
    const { status, json } = await this.#admin("/v1/users", terms);
    if (status === 201) this.#users.push({ id: json.id, state: "good" });
  }

  async #makeKey(owner: User | undefined): Promise<void> {
    const terms = { kind: "product", product: "AI_ASSISTANT", ...(owner && { owner: owner.id }) };
    const { status, json } = await this.#admin("/v1/keys", terms);
    if (status !== 201) return;
    this.#keys.push({ id: json.id, text: json.key, owner: owner?.id, state: "good" });
  }

  async #use(key: Key): Promise<void> {
    const before = this.#stateOf(key);
    const told = await asked(this.#around, "/api/v1/auth/me", { key: key.text });
    if (isUnknown(told)) return;
    const after = this.#stateOf(key);
    if (before === "ended") holds(told.status === 401, "what was ended stays ended", () => [key, told.status]);
    if (after === "good") holds(told.status === 200, "a key that was acknowledged is good", () => [key, told.status]);
  }

  async #revoke(key: Key): Promise<void> {
    await this.#end(key, () => this.#admin(`/v1/keys/${key.id}`, undefined, "DELETE"));
  }

  async #disable(user: User): Promise<void> {
    await this.#end(user, () => this.#admin(`/v1/users/${user.id}/disable`, undefined, "POST"));
  }

  /** From its beginning on the end may have come; once it is acknowledged, it has. */
  async #end(what: Key | User, end: () => Promise<Told>): Promise<void> {
    if (what.state === "good") what.state = "perhaps ended";
    const { status } = await end();
    if (status >= 200 && status < 300) what.state = "ended";
  }

  #stateOf({ state, owner }: Key): Key["state"] {
    const states = [state, this.#users.find(({ id }) => id === owner)?.state ?? "good"];
    return states.includes("ended") ? "ended" : states.includes("perhaps ended") ? "perhaps ended" : "good";
  }

  async check(seen: Seen): Promise<void> {
    const keys = await listed<{ id: string }>(this.#around, "/v1/keys", "keys");
    // The first key is made by the start itself.
    checkTruth("key", new Set(keys.map(({ id }) => id)), seen.outcomesOf("key.create"));
    const users = await listed<{ id: string }>(this.#around, "/v1/users", "users");
    const there = new Set(users.map(({ id }) => id));
    for (const { id } of this.#users) holds(there.has(id), "nothing acknowledged is lost", () => `user ${id}`);
    for (const [resource, outcomes] of seen.outcomesOf("user.create")) {
      checkTruth(
        "user",
        new Set([...there].filter((id) => resource === `user/${id}`)),
        new Map([[resource, outcomes]]),
      );
    }
    for (const key of this.#keys) await this.#use(key);
  }
}
