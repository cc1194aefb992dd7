"""What can go wrong in a benchmark itself."""


class BenchError(Exception):
    """The benchmark cannot be run: a program is missing, or an option makes no sense."""


class WrongResultError(BenchError):
    """Somebody's answer differs from the truth: no figure of such a run counts."""


class PeerMissingError(BenchError):
    """A peer's package is not installed."""
