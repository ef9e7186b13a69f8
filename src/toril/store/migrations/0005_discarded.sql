-- Outcomes that came too late: the job had been taken from the run that they are of, and its row shows what
-- became of it since. Kept for forensics, for a week, ten thousand at most; results are text because they are
-- cut to a length, and because what is only looked at may be no JSON that jsonb takes.
create table toril.discarded_outcomes (
    id bigint generated always as identity primary key,
    job_id bigint not null,
    at timestamptz not null default now(),
    worker uuid not null,
    attempt integer not null,
    event text not null,
    result text,
    error_kind text,
    error_message text
);
create index discarded_by_job on toril.discarded_outcomes (job_id, id);
