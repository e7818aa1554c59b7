"""The command line: parse, call, print; one file per noun.

Results go to standard output, messages to standard error. Exit status: 0 done, 1 the node could not do it,
2 the command line or the settings are wrong.
"""
