"""`python -m ostiary_client EXPORT`: verify an export of the log, as `python -m ostiary_client.verifier` does."""

import sys

from ostiary_client.verifier import main

sys.exit(main())
