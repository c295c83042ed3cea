"""What the operating system and the drivers say of a device."""
