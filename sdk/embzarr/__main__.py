"""Run the installed program ``embzarr``: ``python -m embzarr``."""

from importlib.metadata import entry_points

if __name__ == "__main__":
    # By its entry point: the program stands on this package, which does not know of it.
    entry_points(group="console_scripts")["embzarr"].load()()
