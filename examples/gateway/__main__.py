"""`python -m examples.gateway`."""

from examples.gateway.gateway import main

main()
