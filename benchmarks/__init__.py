"""Runnable measurements whose figures stand in the documentation; they take minutes, and print Markdown."""
