"""What the command shows: searches and ingestion, in a terminal, in a pipe and as JSON lines."""
