"""What came out of a job, for people: counts, worst pages, failures, costs, and what changed."""
