"""What implements the ports; only `visdm.wiring` chooses among them."""
