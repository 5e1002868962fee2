"""A FHIR R4 server for social-care referrals. Start at `app.py` (the wiring) or `cli/` (the commands)."""
