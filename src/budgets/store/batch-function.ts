// One batch as a function of PostgreSQL: it makes and ends reservations while no program waits for an answer in between.
//
// 1. It takes the counters of everything that it is given first, in the order of their names. All reservations of a product and
//    project share a counter, so batches that meet wait for each other there and read nothing that the other may still change.
// 2. A counter that is not there is made from the calls that it counts. A change of one of those calls needs the counter
//    too and waits until it is made, so no change falls between the sum and the counter.
// 3. What ends frees its room before anything new is admitted; what is new is admitted in order of arrival, under all its
//    limits or under none. The rules are those of `lease.ts`.
// 4. It does nothing when the limits have changed since the caller read them.
// 5. What is granted to leases counts as held. Where that is in the way of a call, or a lease may have notes of a call that
//    no one knows, nothing is decided: the answer names the leases, and the caller asks again with them, to be ended first.
import { maxAmount, maxCounted } from "../budget.ts";
import { requestIdLifeMs } from "../reservation.ts";
import { reservationColumns, usageColumns, usageKeys, usageMore, usageSums } from "./tables.ts";
import { lockKey } from "./counters.ts";
import { sharers } from "../lease.ts";

/** The sum of what the calls of a counter have in a table. */
const sumIn = (table: "usage" | "reservations", timeColumn: string, rest: string): string => `(
  select least(coalesce(sum(case c.unit when 'tokens' then x.tokens else x.microdollars end), 0), ${maxCounted})
  from budget_${table} x
  where x.${timeColumn} >= c.start_ms and (c.end_ms is null or x.${timeColumn} < c.end_ms) ${rest}
    and (c.product is null or x.product = c.product) and (c.project is null or x.project = c.project)
    and (c.key is null or x.key_id = c.key) and (c.model is null or x.model = c.model))`;

/** The statement that makes the function. Counters are named by their place in the list of counters. */
export const batchFunction = `
create function budget_batch(book bigint, counters jsonb, openings jsonb, endings jsonb, leases text[]) returns jsonb
language plpgsql
-- A plan that was made for small tables is kept when they have grown: every row is found by its key.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  c record;
  e record;
  o record;
  i int;
  unit_now text;
  units text[];
  most bigint[];
  limited boolean[];
  shared boolean[];
  used_now bigint[];
  held_now bigint[];
  leased bigint[];
  blocked int[] := '{}';
  blocking text[];
  own bigint;
  room bigint;
  least_now bigint;
  amount bigint;
  asked_now bigint;
  is_smaller boolean;
  tokens_now bigint;
  microdollars_now bigint;
  refusal jsonb;
  made_tokens bigint[] := '{}';
  made_microdollars bigint[] := '{}';
  charges budget_usage[] := '{}';
  opened jsonb[] := '{}';
  ended jsonb[] := '{}';
begin
  perform pg_advisory_xact_lock_shared(${lockKey});
  if book <> (select version from budget_book where id = 1) then
    return null;
  end if;
  if cardinality(leases) > 0 then
    perform budget_take(leases, array(select x.name from jsonb_to_recordset(counters) as x(name text)));
  end if;

  for c in
    select * from jsonb_to_recordset(counters) as x(name text, slot text, start_ms bigint, end_ms bigint, unit text,
      product text, project text, key text, model text)
    where not exists (select from budget_counters b where b.name = x.name)
    order by x.name collate "C"
  loop
    insert into budget_counters (name, slot, start_ms, used, held) values (c.name, c.slot, c.start_ms, 0, 0)
      on conflict (name) do nothing;
    if found then
      update budget_counters set used = ${sumIn("usage", "hour_ms", "")},
        held = ${sumIn("reservations", "created_ms", "and x.state = 'held'")}
      where name = c.name;
    end if;
  end loop;
  for c in
    select x.*, b.used, b.held
    from jsonb_to_recordset(counters) as x(place int, name text, unit text, amount bigint, is_shared boolean)
    join budget_counters b on b.name = x.name
    order by b.name collate "C"
    for update of b
  loop
    units[c.place] := c.unit;
    limited[c.place] := c.amount is not null;
    most[c.place] := coalesce(c.amount, ${maxCounted});
    shared[c.place] := c.is_shared;
    used_now[c.place] := c.used;
    held_now[c.place] := c.held;
  end loop;
  if coalesce(cardinality(array_remove(units, null)), 0) <> jsonb_array_length(counters) then
    raise exception 'a counter was swept while its batch began' using errcode = 'serialization_failure';
  end if;
  for c in
    select x.place, sum(g.granted) as granted
    from jsonb_to_recordset(counters) as x(place int, name text) join budget_grants g on g.counter = x.name
    group by x.place
  loop
    leased[c.place] := c.granted;
    held_now[c.place] := held_now[c.place] + c.granted;
  end loop;

  for e in
    select x.*, b.state as before, case when b.state <> 'held' then to_jsonb(b) end as row
    from jsonb_to_recordset(endings) as x(place int, id text, state text, tokens bigint, microdollars bigint,
      settled_tokens bigint, settled_microdollars bigint, input_tokens bigint, cached_tokens bigint,
      output_tokens bigint, hour_ms bigint, product text, project text, key_id text,
      model text, counters int[])
    left join budget_reservations b on b.id = x.id
    order by x.place
  loop
    if e.before is distinct from 'held' then
      if e.before is null then blocked := blocked || e.counters; end if;
      ended := ended || jsonb_build_object('row', e.row);
      continue;
    end if;
    tokens_now := e.settled_tokens;
    microdollars_now := e.settled_microdollars;
    foreach i in array e.counters loop
      continue when not limited[i];
      own := case units[i] when 'tokens' then e.tokens else coalesce(e.microdollars, 0) end;
      room := greatest(own, most[i] - used_now[i] - held_now[i] + own);
      if units[i] = 'tokens' and tokens_now > e.tokens then tokens_now := least(tokens_now, room); end if;
      if units[i] = 'microdollars' and microdollars_now > coalesce(e.microdollars, 0) then
        microdollars_now := least(microdollars_now, room);
      end if;
      if leased[i] > 0 and (tokens_now < e.settled_tokens or microdollars_now < e.settled_microdollars) then
        blocked := blocked || i;
      end if;
    end loop;
    ended := ended || jsonb_build_object('id', e.id, 'state', e.state, 'tokens', tokens_now,
      'microdollars', microdollars_now);
    if tokens_now is not null then
      charges := charges || row(e.hour_ms, e.product, e.project, e.key_id, e.model, 1, tokens_now,
        coalesce(microdollars_now, e.microdollars, 0), (microdollars_now is null)::int, coalesce(e.input_tokens, 0),
        coalesce(e.cached_tokens, 0), coalesce(e.output_tokens, 0),
        case when microdollars_now is null then coalesce(e.microdollars, 0) else 0 end)::budget_usage;
    end if;
    foreach i in array e.counters loop
      own := case units[i] when 'tokens' then e.tokens else coalesce(e.microdollars, 0) end;
      amount := case when tokens_now is null then 0 when units[i] = 'tokens' then tokens_now
        else coalesce(microdollars_now, e.microdollars, 0) end;
      held_now[i] := held_now[i] - own;
      used_now[i] := least(used_now[i] + amount, ${maxCounted});
    end loop;
  end loop;

  for o in
    select * from jsonb_to_recordset(openings) as x(place int, request_id text, product text, project text, task text,
      kind text, created_ms bigint, tokens bigint, microdollars bigint, is_named boolean, takes text,
      least_tokens bigint, least_microdollars bigint, counters int[])
    order by x.place
  loop
    if o.is_named then
      select to_jsonb(x) as row, x.id, x.created_ms into c from budget_reservations x
        where x.request_id = o.request_id and x.product = o.product and x.project = o.project and x.task = o.task
          and x.kind = o.kind and x.retired_ms = 0;
      if found and o.created_ms - c.created_ms < ${requestIdLifeMs} then
        opened := opened || jsonb_build_object('outcome', 'duplicate', 'row', c.row);
        continue;
      end if;
      if found then
        update budget_reservations set retired_ms = created_ms where id = c.id;
      end if;
    end if;
    tokens_now := o.tokens;
    microdollars_now := o.microdollars;
    if o.takes is not null then
      foreach unit_now in array array['tokens', 'microdollars'] loop
        amount := case unit_now when 'tokens' then tokens_now else microdollars_now end;
        continue when amount is null;
        least_now := case unit_now when 'tokens' then o.least_tokens else coalesce(o.least_microdollars, amount) end;
        own := null;
        is_smaller := false;
        foreach i in array o.counters loop
          continue when units[i] <> unit_now or not limited[i];
          room := greatest(0, most[i] - used_now[i] - held_now[i]);
          if shared[i] then room := least_now + greatest(0, room - least_now) / ${sharers}; end if;
          own := least(own, room, ${maxAmount});
          is_smaller := is_smaller or most[i] < amount;
        end loop;
        continue when own is null;
        asked_now := amount;
        if o.takes = 'share' then amount := least(amount, least_now + greatest(0, own - least_now) / ${sharers});
        elsif o.takes = 'all' or is_smaller then amount := greatest(least_now, own);
        end if;
        if o.takes = 'all' or is_smaller or amount < asked_now then
          foreach i in array o.counters loop
            if units[i] = unit_now and leased[i] > 0 then blocked := blocked || i; end if;
          end loop;
        end if;
        if unit_now = 'tokens' then tokens_now := amount; else microdollars_now := amount; end if;
      end loop;
    end if;
    refusal := null;
    foreach i in array o.counters loop
      amount := case units[i] when 'tokens' then tokens_now else microdollars_now end;
      if amount is null then
        refusal := jsonb_build_object('outcome', 'price_unknown', 'counter', i);
      elsif used_now[i] + held_now[i] + amount > most[i] then
        refusal := jsonb_build_object('outcome', 'insufficient', 'counter', i, 'asked', amount,
          'used', used_now[i], 'held', held_now[i]);
        if leased[i] > 0 then blocked := blocked || i; end if;
      end if;
      exit when refusal is not null;
    end loop;
    if refusal is not null then
      opened := opened || refusal;
      continue;
    end if;
    foreach i in array o.counters loop
      held_now[i] := held_now[i] + case units[i] when 'tokens' then tokens_now else coalesce(microdollars_now, 0) end;
    end loop;
    made_tokens[o.place] := tokens_now;
    made_microdollars[o.place] := microdollars_now;
    opened := opened
      || jsonb_build_object('outcome', 'admitted', 'tokens', tokens_now, 'microdollars', microdollars_now);
  end loop;

  if cardinality(blocked) > 0 then
    blocking := array(select distinct g.lease from jsonb_to_recordset(counters) as x(place int, name text)
      join budget_grants g on g.counter = x.name where x.place = any(blocked));
    if cardinality(blocking) > 0 then
      return jsonb_build_object('blocking', to_jsonb(blocking));
    end if;
  end if;

  update budget_reservations b
    set state = x.state, settled_tokens = x.tokens, settled_microdollars = x.microdollars
    from jsonb_to_recordset(to_jsonb(ended)) as x(id text, state text, tokens bigint, microdollars bigint)
    where b.id = x.id;
  insert into budget_reservations (${reservationColumns.join(", ")})
    select ${reservationColumns.map((column) => (column === "tokens" || column === "microdollars" ? `made_${column}[x.ordinality]` : `x.${column}`)).join(", ")}
    from jsonb_populate_recordset(null::budget_reservations, openings) with ordinality x
    where made_tokens[x.ordinality] is not null;
  update budget_counters b set used = used_now[x.place], held = held_now[x.place] - coalesce(leased[x.place], 0)
    from jsonb_to_recordset(counters) as x(place int, name text)
    where b.name = x.name and (b.used <> used_now[x.place] or b.held <> held_now[x.place] - coalesce(leased[x.place], 0));
  insert into budget_usage as u (${usageColumns})
    select ${usageKeys.map((name) => `x.${name}`).join(", ")}, ${usageSums.map((name) => `sum(x.${name})`).join(", ")}
    from unnest(charges) x group by 1, 2, 3, 4, 5
    on conflict (${usageKeys.join(", ")}) do update set ${usageMore("least")};
  return jsonb_build_object('opened', to_jsonb(opened), 'ended', to_jsonb(ended));
end $$`;

/**
 * A batch in a caller's transaction: where leases are in the way, it gives back the counters that it has locked before it locks
 * the leases, so that it does not wait for one who waits for the counters.
 */
export const batchInFunction = `
create function budget_batch_in(book bigint, counters jsonb, openings jsonb, endings jsonb, leases text[]) returns jsonb
language plpgsql
as $$
declare
  answer jsonb;
begin
  begin
    answer := budget_batch(book, counters, openings, endings, leases);
    if answer->'blocking' is null then
      return answer;
    end if;
    raise exception using errcode = 'CB001';
  exception when sqlstate 'CB001' then
    null;
  end;
  return budget_batch(book, counters, openings, endings, array(select jsonb_array_elements_text(answer->'blocking')));
end $$`;
