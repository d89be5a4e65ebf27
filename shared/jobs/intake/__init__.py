"""How photos and folders become a job."""
