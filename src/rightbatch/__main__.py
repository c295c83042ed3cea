"""`python -m rightbatch` is `rightbatch`."""

from rightbatch.cli import main

if __name__ == "__main__":
    main()
