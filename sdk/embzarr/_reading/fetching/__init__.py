"""Executes plans: what requests cost, when each is sent, and rows made of what comes."""
