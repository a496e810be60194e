// Leases as functions of PostgreSQL: a process is granted a part of what counters have free, counts calls against that in memory,
// and writes a note of each before it answers. Used, held and granted together never pass a limit.
//
// 1. A lease ends once: its end locks its row, so that notes that are being written come first and later ones find no
//    lease and are refused. In the same transaction its notes go into the tables and its grants are given back.
// 2. Anyone may end it at any time: its holder, a process that needs what was granted, or one that finds it left behind by a
//    process that was killed. So no one waits for a holder, and no clock is asked.
// 3. Leases are locked before counters, and counters in the order of their names. Only a caller's transaction, which may have
//    locked counters before, can meet another one the wrong way round; the server then runs one of them again.
// 4. The counters of a lease are granted and its notes counted under the limits of one version: a change ends all leases first.
import { maxCounted } from "../budget.ts";
import { lockKey } from "./counters.ts";
import { reservationColumns, usageColumns, usageKeys, usageMore } from "./tables.ts";

/** The tables of leases, and their two functions. */
export const leaseStatements: readonly string[] = [
  `create table budget_leases (id text not null primary key)`,
  `create table budget_grants (
    counter text not null,
    lease text not null,
    place int not null,
    unit text not null,
    granted bigint not null check (granted >= 0),
    primary key (counter, lease)
  )`,
  `create index budget_grants_by_lease on budget_grants (lease, place)`,
  `create table budget_notes (lease text not null, body text not null)`,
  `create index budget_notes_by_lease on budget_notes (lease)`,
];

/** What a lease may take of what is free, at most: such a part of it. Others find room too, and it is seldom in their way. */
const part = 8;

/** How many calls as large as the largest so far a grant must hold to be worth its while. */
const leastCalls = 16;

/** An entry of the notes that was made, by its place in the list of values. */
const made = (column: (typeof reservationColumns)[number]): string => `b.v->>${reservationColumns.indexOf(column)}`;

const held = `(${made("tokens")})::bigint`;
const cost = `coalesce((${made("microdollars")})::bigint, 0)`;

/** What the notes say, of leases that fit a condition: calls that were made under them, and how those of them ended that have. */
const noted = (isMeant: string): string => `entry as (
    select n.lease, e.v, e.v->>0 as id, jsonb_array_length(e.v) as length
    from budget_notes n, jsonb_array_elements(n.body::jsonb) as e(v) where ${isMeant}
  ), paired as (
    select lease, id, (array_agg(v) filter (where length >= ${reservationColumns.length}))[1] as v,
      (array_agg(v) filter (where length < ${reservationColumns.length}))[1] as x
    from entry group by lease, id
  ), both_ends as materialized (
    select lease, v, x is not null as has_ended, (x->>2)::bigint as tokens, (x->>3)::bigint as microdollars,
      coalesce((x->>4)::bigint, 0) as input_tokens, coalesce((x->>5)::bigint, 0) as cached_tokens,
      coalesce((x->>6)::bigint, 0) as output_tokens
    from paired where v is not null
  )`;

/** What calls of the notes were charged, each as a row of usage before it is added up. */
const charged = `select (${made("created_ms")})::bigint as c, ${made("product")} as p, ${made("project")} as q,
        ${made("key_id")} as k, ${made("model")} as m, tokens,
        coalesce(microdollars, ${cost}) as cost, (microdollars is null)::int as unpriced,
        input_tokens, cached_tokens, output_tokens
      from both_ends b where tokens is not null`;

/** What calls of the notes use and hold of each counter that was granted. */
const shared = `shared as (
    select lease, v->${reservationColumns.length} as places,
      sum(case when has_ended then 0 else ${held} end) as held_tokens,
      sum(case when has_ended then 0 else ${cost} end) as held_cost,
      sum(coalesce(tokens, 0)) as used_tokens,
      sum(case when tokens is null then 0 else coalesce(microdollars, ${cost}) end) as used_cost
    from both_ends b group by 1, 2
  ), placed as materialized (
    select s.*, p.place::int as place from shared s, jsonb_array_elements(s.places) as p(place)
  ), counted as (
    select g.counter, sum(case g.unit when 'tokens' then s.held_tokens else s.held_cost end) as held,
      sum(case g.unit when 'tokens' then s.used_tokens else s.used_cost end) as used
    from placed s join budget_grants g on g.lease = s.lease and g.place = s.place
    group by g.counter
  )`;

/** Ends leases (all of them when none are named), and locks counters besides. */
export const takeFunction = `
create function budget_take(leases text[], names text[]) returns void
language plpgsql
as $$
declare
  taken text[];
begin
  taken := array(select id from budget_leases where leases is null or id = any(leases) order by id for update);
  perform from budget_counters
    where name = any(names) or name in (select counter from budget_grants where lease = any(taken))
    order by name collate "C" for update;
  if cardinality(taken) = 0 then
    return;
  end if;
  with ${noted("n.lease = any(taken)")}, made as (
    insert into budget_reservations (${reservationColumns.join(", ")})
    select ${reservationColumns.map((column) => `(${made(column)})${typeOf(column)}`).join(", ")}
    from both_ends b where not has_ended
  ), charged as (
    insert into budget_usage as u (${usageColumns})
    select c - c % 3600000, p, q, k, m, count(*), sum(tokens), sum(cost), sum(unpriced), sum(input_tokens),
      sum(cached_tokens), sum(output_tokens), sum(cost * unpriced)
    from (
      ${charged}
    ) x group by 1, 2, 3, 4, 5
    on conflict (${usageKeys.join(", ")}) do update set ${usageMore("least")}
  ), ${shared}
  update budget_counters c set used = least(c.used + x.used, ${maxCounted}), held = c.held + x.held
  from counted x where c.name = x.counter;
  delete from budget_notes where lease = any(taken);
  delete from budget_grants where lease = any(taken);
  delete from budget_leases where id = any(taken);
end $$`;

/**
 * Usage and counters as they are with everything that was noted, whose leases go on. Each is one statement's look: what a lease that
 * ends meanwhile has noted is in it once.
 */
export const noteViews: readonly string[] = [
  `create view budget_usage_now as
  with ${noted("true")}
  select ${usageColumns} from budget_usage
  union all
  select c - c % 3600000, p, q, k, m, 1, tokens, cost, unpriced, input_tokens, cached_tokens, output_tokens, cost * unpriced
  from (${charged}) x`,
  `create view budget_counters_now as
  with ${noted("true")}, ${shared}
  select c.name, c.slot, c.start_ms, least(c.used + coalesce(x.used, 0), ${maxCounted})::bigint as used,
    (c.held + coalesce(x.held, 0))::bigint as held
  from budget_counters c left join counted x on x.counter = c.name`,
];

/**
 * Grants a lease in the place of one that its holder had, and tells the grants by place: of a counter without a limit nothing
 * is taken and all is granted. Null when the limits have changed.
 */
export const leaseFunction = `
create function budget_lease(book bigint, lease_id text, before text, counters jsonb) returns jsonb
language plpgsql
as $$
#variable_conflict use_column
declare
  grants jsonb;
begin
  perform pg_advisory_xact_lock_shared(${lockKey});
  if book <> (select version from budget_book where id = 1) then
    return null;
  end if;
  perform budget_take(array[before], array(select x.name from jsonb_to_recordset(counters) as x(name text)));
  with offered as (
    select x.place, x.name, x.unit, x.asked, x.amount,
      (x.amount - b.used - b.held
        - coalesce((select sum(g.granted) from budget_grants g where g.counter = b.name), 0)) / ${part} as most
    from jsonb_to_recordset(counters) as x(place int, name text, unit text, amount bigint, asked bigint)
    join budget_counters b on b.name = x.name
  ), granted as (
    insert into budget_grants (counter, lease, place, unit, granted)
    select name, lease_id, place, unit, coalesce(floor(most), 0) from offered
    where amount is null or (most >= 1 and most >= ${leastCalls} * asked)
    returning place, granted
  )
  select jsonb_agg(jsonb_build_array(place, granted)) into grants from granted;
  if grants is not null then
    insert into budget_leases (id) values (lease_id);
  end if;
  return coalesce(grants, '[]');
end $$`;

function typeOf(column: (typeof reservationColumns)[number]): string {
  const numbers = ["retired_ms", "tokens", "microdollars", "created_ms", "expires_ms", "intent_index"];
  return numbers.includes(column) ? "::bigint" : "";
}
