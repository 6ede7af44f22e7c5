"""The data of training: read, cleaned, filtered, split and augmented."""
