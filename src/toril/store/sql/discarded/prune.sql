-- Drop the oldest discarded outcomes that are past a week, or more than are kept.
--
-- In:  $1 how many rows to look at, $2 how many are kept.
-- Out: how many were dropped. Only the oldest rows are looked at: ids grow with time.
with dropped as (
    delete from toril.discarded_outcomes
    where id = any(array(
        select oldest.id
        from (select id, at from toril.discarded_outcomes order by id limit $1) as oldest
        where oldest.id <= (select max(id) from toril.discarded_outcomes) - $2
           or oldest.at < now() - interval '7 days'
    ))
    returning id
)
select count(*) from dropped
