"""`oscilab scpi NAME`."""
