"""Text encoders and summarizers: a Protocol each, and engines behind it."""
