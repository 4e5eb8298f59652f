"""What runs: jobs, sources, sinks and the command line."""
