"""Where the program ``embzarr`` begins: before all that takes long to import."""

import sys


def main() -> None:
    """Run the command line of this process; an interrupt that comes this early is told as any."""
    try:
        from embzarr_tools import cli  # noqa: PLC0415 - slow, so that Ctrl-C may come meanwhile

        cli.main()
    except KeyboardInterrupt:
        if sys.stderr is not None:
            sys.stderr.write("embzarr: interrupted\n")
        sys.exit(130)
