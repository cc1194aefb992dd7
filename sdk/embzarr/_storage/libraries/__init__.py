"""What libraries lack: a clock, and a life in a forked child."""
