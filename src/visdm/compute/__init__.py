"""The programs that run inside the sandbox, started as `python -m visdm.compute`."""
