"""From sources of news to an index of articles that can be searched by words and by meaning."""
