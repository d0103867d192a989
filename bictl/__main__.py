"""`python -m bictl` is `bictl`."""

import signal


def main() -> None:
    """The program; Ctrl-C while it is still being loaded ends it without a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from bictl.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
