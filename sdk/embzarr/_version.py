"""The version of this package; the format's own version is `embzarr._format.spec.VERSION`."""

__version__ = "0.1.0"
