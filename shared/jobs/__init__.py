"""Jobs from submission to export: ledger, intake, projection, archive, export."""
