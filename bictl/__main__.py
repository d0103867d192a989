"""`python -m bictl` is `bictl`."""

from bictl.cli.main import main

if __name__ == "__main__":
    main()
