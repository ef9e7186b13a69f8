-- Forget unique keys that no job holds any more, a bounded step along the table.
--
-- In:  $1 and $2 only keys after this name and key, $3 how many to look at.
-- Out: those that were looked at, in order. A key that somebody is using this moment is left for the next time.
with looked_at as materialized (
    select name, key, job_id, held, expires_at from toril.unique_keys
    where (name, key) > ($1, $2) order by name, key limit $3
), free as (
    select u.name, u.key
    from looked_at l join toril.unique_keys u on u.name = l.name and u.key = l.key and u.job_id = l.job_id
    where not toril.holds(l.job_id, l.held, l.expires_at)
    for update of u skip locked
), forgotten as (
    delete from toril.unique_keys u using free where u.name = free.name and u.key = free.key
)
select name, key from looked_at order by name, key
