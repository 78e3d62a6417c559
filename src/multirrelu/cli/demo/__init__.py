"""The main job: train a small classifier with ReLU, leaky ReLU and RReLU side by side; the library that trains can be changed."""
