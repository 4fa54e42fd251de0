"""python -m mockscope."""

from mockscope.cli import main

main()
