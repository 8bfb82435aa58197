"""What compilers reach while they work on cases: several sources behind the protocol in ``protocol``."""
