-- Read the counts of every queue, and how many live workers listen to it.
--
-- Out: one row per queue and status (status null for a queue that has only workers).
with counted as (
    select queue, case when due <= now() then 'pending' else status end as status, sum(n)::bigint as n
    from (select queue, status, due, n from toril.counts
          union all select queue, status, due, n from toril.count_deltas) as differences
    group by 1, 2
), served as (
    select queue, count(*) as workers
    from toril.workers cross join unnest(queues) as queue
    where state = 'running' group by 1
)
select queue, counted.status, counted.n, coalesce(served.workers, 0) as workers
from counted full join served using (queue)
order by queue
