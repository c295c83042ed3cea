"""A user's module with state of its own."""

import os

imported_by = os.getpid()
value = 0
