"""What waits in the warm pool for a Python function, and then is its runtime.

Runs on every Python from 3.9 with the standard library alone. See guest/README.md for the protocol.
"""

from hearth_guest.runtime import main

main()
