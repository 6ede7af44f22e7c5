"""One module for each gRPC service; all are thin: they validate, call, and write events."""
