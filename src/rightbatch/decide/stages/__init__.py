"""The stages before learning, one room a subject: what it fits, and where it looks next."""
