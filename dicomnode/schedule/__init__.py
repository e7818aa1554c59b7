"""When a study is complete, what reads it, in which order, and what happens after a failure.

Does: decide, and put jobs into the store. APScheduler only ticks.
Does not: run a job, read pixels, open associations (the archive is asked through a callable).
"""
