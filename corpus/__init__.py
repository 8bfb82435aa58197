"""Cases on disk: the regression corpus, how it is checked, and its pytest plug-in."""
