"""What the texts that are shown of articles may hold, and what becomes of those that hold something else."""
