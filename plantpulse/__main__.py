"""`python -m plantpulse` is the command `plantpulse`."""

import sys

from plantpulse.command_line import main

sys.exit(main())
