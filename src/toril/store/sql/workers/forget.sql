-- Forget workers that have been gone for a week.
delete from toril.workers where state in ('stopped', 'lost') and seen_at < now() - interval '7 days'
