"""Programs out of programs, and pipelines out of pipelines: small random changes of what is worth keeping."""
