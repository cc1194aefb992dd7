"""The version of this package; the format's own version is `embzarr._schema.VERSION`."""

__version__ = "0.1.0"
