"""The steps of a run. Each takes what it needs and adds to the figures."""
