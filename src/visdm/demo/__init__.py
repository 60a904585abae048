"""`visdm demo`: a whole trade on an embedded chain and store, told step by step."""
