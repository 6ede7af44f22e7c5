"""Fine-tunes the summarizer; start at `alignment.warm_started`, then `training.train_summarizer`."""
