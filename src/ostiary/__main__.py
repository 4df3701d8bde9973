"""`python -m ostiary`: the same as the command `ostiary`."""

from ostiary.cli.main import main

if __name__ == "__main__":
    main()
