"""Room for replaying recorded studies: the oracle and the rival policies."""
