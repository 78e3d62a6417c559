"""The commands of ``python -m multirrelu``: each a module with ``ABOUT``, ``EXAMPLES``, ``add_arguments(parser)`` and ``run(args)``."""
