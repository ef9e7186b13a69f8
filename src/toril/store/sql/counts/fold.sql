-- Fold count differences into the counts, and count the delayed jobs whose time has come as pending.
--
-- In:  $1 how many differences at most.
-- Out: how many there were. One caller at a time (the leader); readers always see the same sums.
with folded as (
    delete from toril.count_deltas
    where ctid = any(array(select ctid from toril.count_deltas limit $1))
    returning queue, status, due, n
), passed as (
    delete from toril.counts where due <= now() returning queue, status, due, n
), summed as (
    select queue, case when due <= now() then 'pending' else status end as status,
           case when due <= now() then null else due end as due, sum(n) as n
    from (select * from folded union all select * from passed) as differences
    group by 1, 2, 3
), written as (
    insert into toril.counts as c (queue, status, due, n)
    select queue, status, due, n from summed
    on conflict (queue, status, due) do update set n = c.n + excluded.n
)
select count(*) from folded
