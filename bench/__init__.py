"""The measurements that the README quotes: `python -m bench`, or `make bench`.

Owns: load, rounds, ratios, the table. Owns no threshold of a test: nothing here fails a build. A ratio is taken
between two candidates of the same round, over CPU time where it can be (ruling 41); absolute numbers say only
how fast the machine was.
"""
