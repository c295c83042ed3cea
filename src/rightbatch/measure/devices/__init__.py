"""Devices as the operating system and drivers report them."""
