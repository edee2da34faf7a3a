"""Long documents as jobs, and OpenAI's files and batches. They survive a restart of the service."""
