"""Rows of arrays, and of columns through all layers."""
