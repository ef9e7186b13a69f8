-- Tell how far behind the relay is.
--
-- Out: seconds since the oldest promise that is due was made, or null when none is.
select extract(epoch from now() - min(push_at))::float8 from toril.outbox where push_at <= now()
