"""Topics: the stories of a time window, with category and keywords; topic_pipeline.py is where to begin."""
