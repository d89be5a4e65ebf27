"""Training of the embedded model on rendered fabrics only. See docs/model-card.md."""
