"""``python -m misfold.fuzz`` is the command ``misfold``."""

from .cli import main

if __name__ == "__main__":
    main()
