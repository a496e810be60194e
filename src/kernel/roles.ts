// How roles compare: by their permissions in the constitution that is in force, never by their names. Pure.
import type { Permission } from "./ctx.ts";
import type { Role } from "./principal.ts";

/** What each role may call, and how often. */
export type RoleTable = Readonly<
  Record<Role, { readonly requestsPerMinute: number; readonly permissions: readonly Permission[] }>
>;

/** The lesser of two roles; undefined when neither has all that the other has. */
export type LesserRole = (one: Role, other: Role) => Role | undefined;

/** Whether a role lies within another one, which has all its permissions and may call at least as often. */
export function isRoleWithin(given: Role, held: Role, table: RoleTable): boolean {
  if (given === held) return true;
  return hasNoMore(given, held, table) && table[given].requestsPerMinute <= table[held].requestsPerMinute;
}

/** The role of two that has no permission that the other lacks; of two with the same ones that which may call less often. */
export function lesserRole(one: Role, other: Role, table: RoleTable): Role | undefined {
  const [first, second] = [hasNoMore(one, other, table), hasNoMore(other, one, table)];
  if (first && second) return isRoleWithin(one, other, table) ? one : other;
  if (first) return one;
  return second ? other : undefined;
}

function hasNoMore(given: Role, held: Role, table: RoleTable): boolean {
  return table[given].permissions.every((permission) => table[held].permissions.includes(permission));
}
