"""A library that starts a thread as it is imported."""

import os
import threading

imported_by = os.getpid()
threading.Thread(target=threading.Event().wait, daemon=True).start()
