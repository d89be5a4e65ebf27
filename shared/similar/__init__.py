"""Photos that look alike: within a job, over all jobs, and groups of them; computed in a process of its own."""
