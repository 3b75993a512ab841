"""The conversation agent: commands -> verdicts, jobs, ends."""
