"""Known issues: a readable file of what need not be found again."""
