"""The command line; whatever is heavy is imported by the command that needs it."""

from pauca.cli.main import main

__all__ = ["main"]
