"""Tests of collector/decoding/."""
