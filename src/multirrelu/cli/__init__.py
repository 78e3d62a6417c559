"""The code behind ``python -m multirrelu``: the commands, the report, the bench and the demo."""
