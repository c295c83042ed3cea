"""Ask/tell planners: no clock, no framework, no I/O."""
