"""The part of Triton's inference protocol that Gistwire speaks."""
