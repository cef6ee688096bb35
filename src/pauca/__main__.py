"""``python -m pauca`` and the command ``pauca``."""

import sys


def main() -> int:
    """Run the command line; returns the exit code."""
    from pauca.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
