"""Math functions of floats as straight-line arithmetic, one file each, with their error in ULP."""
