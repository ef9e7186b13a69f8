"""`python -m toril`: the command line, for where the `toril` script is not on the path."""

from toril.cli.main import main

if __name__ == "__main__":
    main()
