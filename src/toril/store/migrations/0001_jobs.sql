-- Jobs, their outbox, their failed attempts and log lines, the workers, the registered job types, the counts.
--
-- Column order puts the wide fixed-size columns first, so that no row carries alignment padding.
-- Every table is in the schema `toril`, so that it can live in an application's own database.

create type toril.job_state as enum ('queued', 'active', 'completed', 'failed', 'cancelled');

create sequence toril.job_ids as bigint;

-- One row per job, partitioned by id range so that whole partitions can be dropped when old.
-- `standing` tells queued jobs apart by why they were queued for a later time: 1 scheduled, 2 retrying; it is 0
-- for those that were queued to run at once, and in every other state. It is in the indexes because a page of
-- pending or retrying jobs must not step over a million scheduled ones.
create table toril.jobs (
    id bigint not null,
    created_at timestamptz not null,
    queued_at timestamptz not null,
    run_at timestamptz not null,
    started_at timestamptz,
    finished_at timestamptz,
    worker uuid,
    timeout float8,
    priority integer not null,
    attempt integer not null default 0,
    failures integer not null default 0,
    crashes integer not null default 0,
    interruptions integer not null default 0,
    generation integer not null default 1,
    max_attempts integer not null,
    max_crashes integer not null,
    state toril.job_state not null default 'queued',
    standing smallint not null,
    queue text not null,
    name text not null,
    payload jsonb not null,
    result jsonb,
    progress jsonb,
    backoff jsonb,
    primary key (id),
    check (id > 0),
    check (priority between 0 and 2097152),
    check (max_attempts > 0 and max_crashes > 0),
    check (timeout > 0),
    check (failures <= attempt and attempt >= 0 and crashes >= 0 and interruptions >= 0 and generation > 0),
    check (standing = 0 or (standing between 1 and 2 and state = 'queued')),
    check (state <> 'active' or (worker is not null and started_at is not null)),
    check ((finished_at is not null) = (state in ('completed', 'failed', 'cancelled')))
) partition by range (id);

-- Every list page is a scan of one of these, newest first, for one queue or name and one state.
create index jobs_by_queue on toril.jobs (queue, state, standing, id);
create index jobs_by_name on toril.jobs (name, state, standing, id);
-- Only delayed jobs are in it: those whose time has come are found without touching the others.
create index jobs_due on toril.jobs (run_at) where standing > 0;

-- Promises to tell Redis. Written with the job, deleted after the push; what stays is swept by the relay.
create table toril.outbox (
    job_id bigint not null,
    push_at timestamptz not null,
    generation integer not null,
    primary key (job_id, generation)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);
create index outbox_by_time on toril.outbox (push_at, job_id);

-- Ballast, never due and never read: an outbox that was vacuumed while empty looks to the planner like one that
-- is quicker to read from end to end than to probe, and such a plan is a disaster as soon as it fills.
insert into toril.outbox (job_id, push_at, generation) select -n, 'infinity', 0 from generate_series(1, 1000) as n;

-- Attempts that did not complete; the attempt that did is told by the job's own row.
create table toril.job_attempts (
    job_id bigint not null,
    started_at timestamptz not null,
    finished_at timestamptz not null,
    worker uuid,
    attempt integer not null,
    outcome text not null check (outcome in ('failed', 'crashed', 'interrupted', 'snoozed', 'cancelled')),
    error_kind text,
    error_message text,
    stack text,
    primary key (job_id, attempt)
);

create table toril.job_logs (
    id bigint generated always as identity,
    job_id bigint not null,
    at timestamptz not null,
    attempt integer not null,
    level text not null,
    message text not null,
    primary key (job_id, id)
);

-- One row per worker process, under an id made at random when it starts and never used again.
-- `beat` is what tells the living from the dead: the keeper watches it move by its own clock.
create table toril.workers (
    id uuid primary key,
    started_at timestamptz not null default now(),
    seen_at timestamptz not null default now(),
    beat bigint not null default 0,
    pid integer not null,
    concurrency integer not null,
    state text not null default 'running' check (state in ('running', 'draining', 'stopped', 'lost')),
    host text not null,
    version text not null,
    queues text[] not null
) with (fillfactor = 50);

-- What workers can run, as they publish it.
create table toril.job_types (
    name text primary key,
    queue text not null,
    schema jsonb not null,
    max_attempts integer not null,
    max_crashes integer not null,
    priority integer not null,
    timeout float8,
    description text not null,
    registered_at timestamptz not null default now()
);

-- How many jobs each queue has in each status, kept exactly and without a hot row: every statement that
-- changes states adds its differences here in the same transaction, and the keeper folds them together.
-- For delayed jobs `due` is their run time, rounded up to ten seconds; once it has passed they are pending.
create table toril.count_deltas (
    due timestamptz,
    n bigint not null,
    queue text not null,
    status text not null
) with (fillfactor = 100, autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_threshold = 2000);
create table toril.counts (
    due timestamptz,
    n bigint not null,
    queue text not null,
    status text not null,
    unique nulls not distinct (queue, status, due)
);

-- Who leads: one row per duty, taken over when its beat stops moving.
create table toril.leases (
    duty text primary key,
    holder uuid not null,
    beat bigint not null default 0
);
