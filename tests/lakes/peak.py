"""Runs a command and writes its peak resident set, in bytes, to a file:  peak.py FILE COMMAND…"""

import resource
import subprocess
import sys

done = subprocess.run(sys.argv[2:])
with open(sys.argv[1], "w") as out:
    out.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024))
sys.exit(done.returncode)
