"""The applications, one a module: `python -m tasks.NAME`."""
