"""What a worker does at each stage of a job. Nothing here imports Ray."""
