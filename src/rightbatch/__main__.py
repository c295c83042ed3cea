"""`python -m rightbatch` is `rightbatch`."""

from rightbatch.cli import command

if __name__ == "__main__":
    command()
