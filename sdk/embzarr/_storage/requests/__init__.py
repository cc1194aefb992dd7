"""What holds for any request: how long, how often, how much is taken, what a failure means."""
