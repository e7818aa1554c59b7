"""Files on disk and the index, jobs and results beside them.

Does: make instances durable, say which studies wait, hand out jobs and deliveries by lease.
Does not: read pixels, open associations, decide when a study is complete. The only room that writes
files of the data folder or rows of the database.
"""
