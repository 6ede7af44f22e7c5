"""The Gistwire contract: generated from the protos beside each module; see gistwire.v1."""
