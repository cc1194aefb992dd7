"""What of a framework is too much for the module of its name."""
