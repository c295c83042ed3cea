"""The Python interface and the main loop, where planning and measuring meet."""
