"""Whole experiments: from data and settings to numbers, files and pictures."""
