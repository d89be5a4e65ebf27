"""How ranking and confidence are chosen for a bank: leave-one-out, cross-fitting, calibration."""
