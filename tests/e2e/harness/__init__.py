"""Runs unmodified programs live, in record and in replay, and compares what they got.

paths    where the build, the shared test data and the run's files are
pki      the test CA and its certificates
servers  starts and stops servers on ephemeral ports of 127.0.0.1
world    a network namespace in which the test hosts are real, for runs without recshim
lab      one program's run in each mode, its recordings, journal and assertions
"""
