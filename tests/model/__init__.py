"""An exhaustive model of the commit protocol, driven by the functions that the SDK runs."""
