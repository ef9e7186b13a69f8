-- Lead a duty: keep it, take it when nobody has it, or take it over from a holder whose beat has stopped.
--
-- In:  $1 duty, $2 candidate, $3 the beat at which the candidate saw another holder stand still, or null.
-- Out: holder and beat as they are now.
with taken as (
    insert into toril.leases as l (duty, holder) values ($1, $2)
    on conflict (duty) do update set holder = excluded.holder, beat = l.beat + 1
    where l.holder = excluded.holder or l.beat = $3
    returning holder, beat
)
select holder, beat from taken
union all
select holder, beat from toril.leases where duty = $1 and not exists (select from taken)
