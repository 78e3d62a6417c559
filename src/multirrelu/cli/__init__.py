"""What ``python -m multirrelu`` runs: the commands, the report, the bench and the demo."""
