"""Inputs that are nearly right, for the decoder and the importer."""
