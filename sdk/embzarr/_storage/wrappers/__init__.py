"""Stores around a store, each of which changes one thing about it."""
