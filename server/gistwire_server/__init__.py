"""The gRPC service: a query in; hits, summaries and their ranking out, streamed as soon as each is known."""
