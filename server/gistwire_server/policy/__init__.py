"""What summaries may say."""
