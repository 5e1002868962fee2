"""`python -m benchmarks` measures everything; `--help` says how to measure less."""

from benchmarks.command import main

if __name__ == "__main__":
    main()
