-- Read the names of all queues that have ever had a job.
select queue from toril.counts union select queue from toril.count_deltas
