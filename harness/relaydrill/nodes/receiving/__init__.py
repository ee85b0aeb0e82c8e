"""Taking mail: a session from the banner to the dot, and who may do what in it."""
