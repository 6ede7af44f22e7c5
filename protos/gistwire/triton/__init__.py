"""What Gistwire speaks with Triton; see gistwire.triton.v1."""
