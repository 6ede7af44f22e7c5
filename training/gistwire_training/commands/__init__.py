"""The subcommands of `gistwire-train`, one module each."""
