"""The command line: ``smart-app …``. One module a group of commands, each with ``add_to(subparsers)``."""
