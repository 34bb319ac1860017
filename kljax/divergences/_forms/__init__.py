"""All that is known of two distributions: closed forms by their families, and what these are made of."""
