"""The deciding wing: turns Trials into the next Probe, and in the end into Advice."""
