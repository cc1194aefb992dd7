"""Where the program ``embzarr`` begins: before all that takes long to import."""

import sys


def main() -> None:
    """Run the command line of this process; an interrupt that comes this early is told as any."""
    try:
        from embzarr_tools import cli  # noqa: PLC0415 - slow, so that Ctrl-C may come meanwhile

        cli.main()
    except KeyboardInterrupt:
        from embzarr_tools._screen import (  # noqa: PLC0415 - as above
            INTERRUPTED,
            say_interrupted,
        )

        say_interrupted(as_json="--json" in sys.argv)
        sys.exit(INTERRUPTED)
