"""`python -m visdm` is `visdm`."""

from visdm.cli import main

main()
