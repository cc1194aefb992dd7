"""Real servers as context managers: loopback, free port, random credentials, temporary data."""
