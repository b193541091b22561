"""Many runs, one table: named rows of settings times seeds, through DVC's experiment queue.

Each run is an ordinary experiment (`dvc exp show` lists it, `dvc exp apply` brings it back). The sweep only queues, waits,
reads what the experiments committed, and compares; no stage knows of it, so that a change here reruns nothing.

Cost: what the runs cost, less what the run-cache has; queueing takes three seconds of processor time per run.
"""
