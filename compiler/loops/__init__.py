"""The loop IR: functions over buffers. ``ir`` is the language, ``operators`` the meaning of its arithmetic.

``printer`` and ``parser`` are its text form, ``verify`` checks its rules, ``interpret`` runs it and finds what is
undefined, ``arithmetic`` computes its operators on Python values.
"""
