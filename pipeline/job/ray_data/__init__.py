"""The job on Ray Data. Nothing else imports it."""
