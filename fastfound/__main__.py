"Lets `python -m fastfound` be the command `fastfound`"
import sys
from fastfound.cli import main

if __name__=='__main__': sys.exit(main())
