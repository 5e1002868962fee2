"""The command line, one module a command; may import everything, and is imported by nothing.

Entry point: `main.main`. A command's heavy imports happen when it runs, so that `--help` stays quick.
"""
