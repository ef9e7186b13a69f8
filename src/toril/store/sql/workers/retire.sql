-- Mark workers as gone.
--
-- In:  $1 ids, $2 `stopped` (said goodbye) or `lost` (stopped moving), $3 the beats at which they were seen last,
--      or null to retire them whatever their beat.
-- Out: the ids of those that were marked. A worker whose beat has moved since is not lost after all.
update toril.workers w set state = $2, seen_at = case $2 when 'stopped' then now() else w.seen_at end
from unnest($1::uuid[], $3::bigint[]) as seen (id, beat)
where w.id = seen.id and w.state in ('running', 'draining') and (seen.beat is null or w.beat = seen.beat)
returning w.id
