"""Makes the models that Gistwire ships, and lets a team make theirs; reached by the command `gistwire-train`."""
