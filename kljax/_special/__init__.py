"""Special functions: numbers in, numbers out, with their digits and their derivatives, and nothing of kljax above."""
