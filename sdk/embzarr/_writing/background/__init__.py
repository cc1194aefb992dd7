"""Saves that go on while their caller does, and what is told of those that did not end."""
