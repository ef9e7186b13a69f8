-- Small rules that several statements share, so that none of them can have its own opinion.

-- How a job stands that is queued at one time to run at another: 0 at once, 1 scheduled, 2 retrying.
create function toril.standing(queued_at timestamptz, run_at timestamptz, failures integer) returns smallint
language sql immutable parallel safe
return case when run_at <= queued_at then 0 when failures > 0 then 2 else 1 end::smallint;

-- The status under which a job is counted: for delayed jobs the one it has until its time comes.
create function toril.counted_as(state toril.job_state, standing smallint) returns text
language sql immutable parallel safe
return case when state <> 'queued' then state::text
            else case standing when 0 then 'pending' when 1 then 'scheduled' else 'retrying' end end;

-- The ten-second step by which a delayed job stops being counted as delayed; null for the others.
create function toril.counted_until(standing smallint, run_at timestamptz) returns timestamptz
language sql immutable parallel safe
return case when standing > 0 then to_timestamp(ceil(extract(epoch from run_at) / 10) * 10) end;

-- Create the partitions that hold ids up to `last_id`, each for `toril.partition_size()` ids.
create function toril.partition_size() returns bigint
language sql immutable parallel safe
return 5000000::bigint;

create function toril.create_partitions(last_id bigint) returns integer
language plpgsql as $$
declare
    size constant bigint := toril.partition_size();
    made integer := 0;
    part text;
begin
    -- Two processes at once would both see that the partition is missing: the second waits here.
    perform pg_advisory_xact_lock(hashtext('toril.create_partitions'));
    for n in 0 .. last_id / size loop
        part := format('jobs_%s', n);
        continue when to_regclass(format('toril.%I', part)) is not null
                   or n < coalesce((select min(substring(relname from 'jobs_(\d+)$')::bigint)
                                    from pg_inherits join pg_class on pg_class.oid = inhrelid
                                    where inhparent = 'toril.jobs'::regclass), 0);
        -- Made apart and attached, so that the lock on `jobs` is the weak one that lets reads and writes pass.
        execute format('create table toril.%I (like toril.jobs including defaults including constraints)'
                       ' with (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05,'
                       ' autovacuum_vacuum_insert_scale_factor = 0.1)', part);
        execute format('alter table toril.jobs attach partition toril.%I for values from (%s) to (%s)',
                       part, greatest(n * size, 1), (n + 1) * size);
        made := made + 1;
    end loop;
    return made;
end
$$;

select toril.create_partitions(toril.partition_size());
