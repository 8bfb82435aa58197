"""The loop IR: functions over buffers. ``ir`` is the language, ``operators`` the meaning of its arithmetic."""
