"""The demo: train a small classifier with ReLU, leaky ReLU and RReLU side by side, with any of several libraries."""
