-- Record results (event `complete`: active → completed), fenced by (id, attempt, active).
--
-- In:  $1 ids, $2 attempts, $3 results (JSON text).
-- Out: the ids that matched; one that is missing was not this attempt's to finish (see ownership.sql).
--
-- The fence is a CASE for the reason told in claim.sql.
with done as (
    update toril.jobs j
    set state = 'completed', result = outcome.result::jsonb, finished_at = now()
    from unnest($1::bigint[], $2::int[], $3::text[]) as outcome (id, attempt, result)
    where j.id = outcome.id and case j.state when 'active' then j.attempt = outcome.attempt else false end
    returning j.id, j.queue
), counted as (
    insert into toril.count_deltas (queue, status, n)
    select d.queue, change.status, change.sign * count(*)
    from done d cross join (values ('active', -1), ('completed', 1)) as change (status, sign)
    group by d.queue, change.status, change.sign
)
select id from done
