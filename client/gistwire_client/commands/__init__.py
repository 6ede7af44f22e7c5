"""The subcommands of `gistwire`, a module each. main.py imports them by name."""
