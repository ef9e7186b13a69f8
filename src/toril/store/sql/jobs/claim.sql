-- Claim suggested jobs for a worker (event `claim`: queued → active). Only jobs in the answer may be run.
--
-- In:  $1 ids, $2 worker.
-- Out: the claimed jobs; a suggestion that is missing here is not claimable (see suggestion_fates.sql).
--
-- The join with unnest makes each id an index probe of its own partition; the guard is a CASE, because a plain
-- comparison with the state would offer the planner a walk along the index by state. A worker that has been
-- declared lost gets nothing. Two workers with the same suggestion: the second waits for the first one's
-- commit, re-reads the row, finds it active, and gets nothing.
with claimed as (
    update toril.jobs j
    set state = 'active', standing = 0, attempt = j.attempt + 1, worker = $2, started_at = now()
    from unnest($1::bigint[]) as suggested (id)
    where j.id = suggested.id and case j.state when 'queued' then j.run_at <= now() else false end
      and exists (select from toril.workers w where w.id = $2 and w.state in ('running', 'draining'))
    returning j.*, toril.standing(j.queued_at, j.run_at, j.failures) as stood
), counted as (
    insert into toril.count_deltas (queue, status, due, n)
    select queue, toril.counted_as('queued', stood), toril.counted_until(stood, run_at), -count(*)
    from claimed group by 1, 2, 3
    union all
    select queue, 'active', null, count(*) from claimed group by 1
)
select id, attempt, queue, name, payload::text, priority, failures, crashes, interruptions, max_attempts,
       timeout, backoff::text, generation, created_at, run_at, worker
from claimed
