"""The tests of kernels that no module of its own stands before."""
